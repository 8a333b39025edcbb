package processpayout

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// simFacilitator answers over HTTP, in words that are judged as in production,
// and misbehaves as behave says.
type simFacilitator struct {
	behave func() behaviour
	downTo time.Time // it cannot be reached before
	last   common.Hash
}

type behaviour int

const (
	settles        behaviour = iota
	settlesLater             // claims success with the right hash, before it is mined
	refuses                  // before anything is broadcast
	notReached               // no connection comes about
	timesOutBefore           // nothing is broadcast
	timesOutAfter            // it is broadcast
	failsBefore              // HTTP 500, nothing is broadcast
	failsAfter               // HTTP 500, it is broadcast
	pends                    // HTTP 500, settlement_pending with the hash, broadcast
	lies                     // claims success, and nothing is broadcast
	liesRefused              // claims a refusal, and it is broadcast
	namesNoHash              // broadcasts, and claims success with an empty hash
	namesOtherHash           // broadcasts, and claims success with an earlier hash
	babbles                  // HTTP 200 and no JSON, nothing is broadcast
	saysUsed                 // claims that the nonce is used
	behaviours               // how many there are
)

// settle is one call of /settle, and its judgement.
func (f *simFacilitator) settle(w *world, pay x402.Payment) x402.Outcome {
	do := settles
	if f.behave != nil {
		do = f.behave()
	}
	if w.now.Before(f.downTo) {
		do = notReached
	}
	return x402.Classify(f.answer(w, pay, do), pay)
}

func (f *simFacilitator) answer(w *world, pay x402.Payment, do behaviour) x402.Answer {
	made := simTx{wants: []x402.Payment{pay}}
	switch do {
	case refuses:
		return refusedAs("insufficient_funds")
	case notReached:
		return x402.Answer{Err: errors.New("connection refused"), Unsent: true}
	case timesOutBefore:
		return x402.Answer{Err: context.DeadlineExceeded}
	case failsBefore:
		return x402.Answer{Status: http.StatusInternalServerError, Body: []byte("internal error")}
	case lies:
		return succeeded(common.HexToHash("0x11e5"))
	case babbles:
		return x402.Answer{Status: http.StatusOK, Body: []byte("<html>Bad gateway</html>")}
	case saysUsed:
		return refusedAs("nonce_already_used")
	case settles:
		if !w.chain.executes(pay, w.now.Unix()+1) {
			return refusedAs("insufficient_funds")
		}
	}
	earlier := f.last
	f.last = w.chain.submit(made)
	switch do {
	case timesOutAfter:
		return x402.Answer{Err: context.DeadlineExceeded}
	case failsAfter:
		return x402.Answer{Status: http.StatusInternalServerError, Body: []byte("internal error")}
	case pends:
		return x402.Answer{Status: http.StatusInternalServerError, Body: words(x402.SettleAnswer{ErrorReason: "settlement_pending", Transaction: f.last.Hex()})}
	case liesRefused:
		return refusedAs("insufficient_funds")
	case namesNoHash:
		return x402.Answer{Status: http.StatusOK, Body: words(x402.SettleAnswer{Success: true})}
	case namesOtherHash:
		return succeeded(earlier)
	case settles:
		w.chain.tick(w.now)
	}
	return succeeded(f.last)
}

func succeeded(tx common.Hash) x402.Answer {
	return x402.Answer{Status: http.StatusOK, Body: words(x402.SettleAnswer{Success: true, Transaction: tx.Hex(), Network: "eip155:84532"})}
}

func refusedAs(reason string) x402.Answer {
	return x402.Answer{Status: http.StatusBadRequest, Body: words(x402.SettleAnswer{ErrorReason: reason})}
}

func words(a x402.SettleAnswer) []byte {
	body, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return body
}
