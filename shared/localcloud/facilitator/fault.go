package facilitator

import (
	"io"
	"net/http"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Fault is what goes wrong in one call.
type Fault string

// The faults. Those "before" leave the chain alone; those "after" settle as if
// nothing were wrong and then spoil the answer.
const (
	None Fault = ""

	Down          Fault = "down"            // the connection is cut without an answer
	TimeoutBefore Fault = "timeout_before"  // no answer until the client gives up
	ErrorBefore   Fault = "error_before"    // HTTP 500
	GarbageBefore Fault = "garbage_before"  // HTTP 200, not JSON
	LieSettled    Fault = "lie_settled"     // success, with the hash of a transaction that does not exist
	RefuseForNow  Fault = "refuse"          // insufficient_funds, which is not true
	TimeoutAfter  Fault = "timeout_after"   // settled; no answer
	CutAfter      Fault = "cut_after"       // settled; the connection is cut
	ErrorAfter    Fault = "error_after"     // settled; HTTP 500
	GarbageAfter  Fault = "garbage_after"   // settled; HTTP 200, not JSON
	EmptyHash     Fault = "empty_hash"      // settled; success with transaction ""
	UnknownHash   Fault = "unknown_hash"    // settled; a hash that does not exist
	OtherHash     Fault = "other_hash"      // settled; the hash of an earlier settlement
	LieRefused    Fault = "lie_refused"     // settled; says insufficient_funds
	PendingAtOnce Fault = "pending"         // broadcast, not waited for; settlement_pending with the hash
	PendingNoHash Fault = "pending_no_hash" // likewise, without the hash
)

// Faults are all of them, without None.
func Faults() []Fault {
	return []Fault{
		Down, TimeoutBefore, ErrorBefore, GarbageBefore, LieSettled, RefuseForNow,
		TimeoutAfter, CutAfter, ErrorAfter, GarbageAfter, EmptyHash, UnknownHash, OtherHash, LieRefused,
		PendingAtOnce, PendingNoHash,
	}
}

// Broadcasts reports whether a settlement with this fault still sends its
// transaction.
func (f Fault) Broadcasts() bool {
	switch f {
	case Down, TimeoutBefore, ErrorBefore, GarbageBefore, LieSettled, RefuseForNow:
		return false
	}
	return true
}

// Call is what a Fault is chosen by.
type Call struct {
	Path    string // /verify, /settle or /supported
	Payer   common.Address
	Payee   common.Address
	Nonce   common.Hash // zero when unreadable
	Attempt int         // of this path with this nonce, from 1
}

type attempt struct {
	path  string
	nonce common.Hash
}

func callOf(path string, req x402.Request) Call {
	p, err := req.Payment()
	if err != nil {
		return Call{Path: path}
	}
	return Call{Path: path, Payer: p.Authorization.From, Payee: p.Authorization.To, Nonce: p.Authorization.Nonce}
}

func (f *Facilitator) fault(c Call) Fault {
	f.mu.Lock()
	key := attempt{c.Path, c.Nonce}
	f.attempts[key]++
	c.Attempt = f.attempts[key]
	f.mu.Unlock()
	if f.opts.Fault == nil {
		return None
	}
	return f.opts.Fault(c)
}

// failBefore spoils a call before anything was done, or reports false. What
// only a settlement can say is not said to another call.
func (f *Facilitator) failBefore(w http.ResponseWriter, r *http.Request, fault Fault) bool {
	if r.URL.Path != settlePath && (fault == LieSettled || fault == RefuseForNow) {
		return false
	}
	switch fault {
	case Down:
		panic(http.ErrAbortHandler)
	case TimeoutBefore:
		f.hang(r)
	case ErrorBefore:
		http.Error(w, "internal error", http.StatusInternalServerError)
	case GarbageBefore:
		garbage(w)
	case LieSettled:
		f.write(r.Context(), w, http.StatusOK, x402.SettleAnswer{Success: true, Transaction: madeUp([]byte(r.RemoteAddr)).Hex(), Network: f.opts.Network.Name})
	case RefuseForNow:
		f.write(r.Context(), w, http.StatusBadRequest, f.refusal())
	default:
		return false
	}
	return true
}

// failAfter spoils the answer to a settlement, or gives it.
func (f *Facilitator) failAfter(w http.ResponseWriter, r *http.Request, fault Fault, status int, answer x402.SettleAnswer) {
	switch fault {
	case TimeoutAfter:
		f.hang(r)
		return
	case CutAfter:
		panic(http.ErrAbortHandler)
	case ErrorAfter:
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	case GarbageAfter:
		garbage(w)
		return
	case EmptyHash, PendingNoHash:
		answer.Transaction = ""
	case UnknownHash:
		answer.Transaction = madeUp([]byte(answer.Transaction)).Hex()
	case OtherHash:
		answer.Transaction = f.earlier(answer.Transaction).Hex()
	case LieRefused:
		status, answer = http.StatusOK, f.refusal()
	}
	f.write(r.Context(), w, status, answer)
}

func (f *Facilitator) refusal() x402.SettleAnswer {
	return x402.SettleAnswer{ErrorReason: "insufficient_funds", ErrorMessage: "Insufficient funds", Network: f.opts.Network.Name}
}

// hang waits until the client has gone.
func (f *Facilitator) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.closed.Done():
	}
	panic(http.ErrAbortHandler)
}

// earlier is the newest settlement's hash that is not this one, or a made-up one.
func (f *Facilitator) earlier(than string) common.Hash {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.settled) - 1; i >= 0; i-- {
		if f.settled[i].Hex() != than {
			return f.settled[i]
		}
	}
	return madeUp([]byte(than))
}

// madeUp is a hash that no transaction has.
func madeUp(seed []byte) common.Hash {
	return crypto.Keccak256Hash([]byte("no such transaction"), seed)
}

func garbage(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<html><body>Bad gateway</body></html>")
}
