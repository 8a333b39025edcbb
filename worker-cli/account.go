package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

// account says whose books to read, and where.
type account struct {
	API     string `placeholder:"URL" default:"https://blockrun.ai/api" env:"BLOCKRUN_API_BASE" help:"The network's API."`
	Wallet  string `placeholder:"FILE" type:"path" xor:"who" help:"The wallet file, instead of ~/.openclaw/blockrun/wallet.key. Only its address is used."`
	Address string `placeholder:"0x..." xor:"who" help:"An address, instead of the wallet's: everybody's earnings are public."`
}

// open makes a client that asks about that address.
func (a account) open(c console) (*client.Client, error) {
	address := a.Address
	if address == "" {
		w, err := wallet.Find(a.Wallet, c.getenv)
		if err != nil {
			return nil, err
		}
		if w.Warning != "" {
			fmt.Fprintf(c.err, "warning: %s\n", w.Warning)
		}
		address = w.Address
	} else if _, err := api.ParseAddress(address); err != nil {
		return nil, usageError{fmt.Errorf("--address %s: %w", address, err)}
	}
	network, err := client.New(a.API, address, "", userAgent())
	if err != nil {
		return nil, usageError{err}
	}
	return network, nil
}

// userAgent names this worker to the API.
func userAgent() string {
	b := readBuild()
	return fmt.Sprintf("%s worker-cli/%s (%s)", check.UserAgent, b.Version, b.Platform)
}

// hinted adds what to do about an API that did not answer well.
func hinted(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok:
		return err
	case e.Status == http.StatusTooManyRequests:
		return fmt.Errorf("%w; try again in %v", err, max(e.RetryAfter, time.Minute))
	case e.Status >= http.StatusInternalServerError:
		return fmt.Errorf("%w; nothing is lost: try again in a minute", err)
	case e.Status == 0 && e.Err != nil:
		return fmt.Errorf("%w; is this machine online, and the address right (--api)?", err)
	case e.Status == 0:
		return fmt.Errorf("%w; is this the network's API (--api)?", err)
	}
	return err
}

// explorers are where transactions can be looked up, by chain id.
var explorers = map[int64]struct{ name, url string }{
	8453:  {"Base", "https://basescan.org/tx/"},
	84532: {"Base Sepolia", "https://sepolia.basescan.org/tx/"},
}

func chainName(id int64) string {
	if e, ok := explorers[id]; ok {
		return e.name
	}
	return fmt.Sprintf("chain %d", id)
}

var txHash = regexp.MustCompile(`^0x[0-9a-fA-F]{64}$`)

// txURL is where to look up a transaction; for an unknown chain, or what is no
// hash, there is none.
func txURL(chainID int64, tx string) string {
	e, ok := explorers[chainID]
	if !ok || !txHash.MatchString(tx) {
		return ""
	}
	return e.url + tx
}

// txText is that address, or the hash alone.
func txText(chainID int64, tx string) string {
	if u := txURL(chainID, tx); u != "" {
		return u
	}
	return tx
}

// noteLocal says that links may lead nowhere.
func (a account) noteLocal(c console, payouts []api.PayoutStatus) {
	for _, p := range payouts {
		if p.UsdcTx != "" && isLocal(a.API) {
			fmt.Fprintln(c.err, "note: this API is on this machine; if its chain is, too, the links lead nowhere")
			return
		}
	}
}

// usd is an amount for people.
func usd(a api.Amount) string { return "$" + client.Micros(a.Micros).String() }

// counted is a number of things: "1 check", "2 checks".
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// minute is a time for people.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
