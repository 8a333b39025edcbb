// Package linkwallet is the function behind POST /v1/worker/link: what was
// paid for LLM calls under a Solana wallet counts for a worker's tier, when
// both wallets have signed that it shall.
package linkwallet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/standing"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Store keeps links, and what was paid.
type Store interface {
	// LinkWallet makes the link, and says whose the Solana wallet was before. The
	// same link again changes nothing. Errors are those of reputation.Link.
	LinkWallet(ctx context.Context, l spannerdb.SignedLink, now time.Time) (change reputation.LinkChange, previous string, err error)
	// Lifetime is what was paid for a worker, under all of its wallets.
	Lifetime(ctx context.Context, worker common.Address) (reputation.Lifetime, error)
}

// Deps are what the function works with.
type Deps struct {
	Store   Store
	Now     func() time.Time
	ChainID int64 // that links must be signed for
	Log     *slog.Logger
}

// New is the function. Body: an api.Link. It answers 200 with an
// api.LinkResponse; 400 for what is no link, or not signed by both wallets for
// this chain and this moment; 409 when other links forbid it; 413 for a body
// over api.MaxLinkBytes; 405 for any method but POST. To send a link again is
// right, whatever the answer was.
func New(d Deps) http.Handler {
	return web.Endpoint{Name: "LinkWallet", Method: http.MethodPost, MaxBody: api.MaxLinkBytes, Log: d.Log, Serve: d.link}
}

func (d Deps) link(r *http.Request) (any, error) {
	ctx := r.Context()
	l, err := api.DecodeLink(r.Body)
	if err != nil {
		return nil, err
	}
	now := d.Now()
	worker, err := api.VerifyLink(l, d.ChainID, now)
	if err != nil {
		return nil, err
	}
	signed, err := signedLink(worker, l)
	if err != nil {
		return nil, err
	}
	change, previous, err := d.Store.LinkWallet(ctx, signed, now)
	if err != nil {
		return nil, refusal(err)
	}
	lifetime, err := d.Store.Lifetime(ctx, worker)
	if err != nil {
		return nil, fmt.Errorf("read what was paid: %w", err)
	}
	d.Log.InfoContext(ctx, "wallets linked", slog.String("change", string(statuses[change])), slog.String("worker", signed.Worker),
		slog.String("solana", signed.Solana), slog.String("previous", previous), slog.Time("signed", signed.At), slog.String("tier", string(lifetime.Tier())))
	return answer(worker, l, change, previous, lifetime), nil
}

func signedLink(worker common.Address, l api.Link) (spannerdb.SignedLink, error) {
	message, err := api.LinkMessage(l)
	return spannerdb.SignedLink{
		Link: reputation.Link{
			Solana: l.SolanaAddress, Worker: ledger.CanonicalAddress(worker), At: time.UnixMilli(l.Timestamp).UTC(), Relink: l.Relink,
		},
		Message: string(message), Signature: l.Signature, SolanaSignature: l.SolanaSignature,
	}, err
}

var statuses = map[reputation.LinkChange]api.LinkStatus{
	reputation.NewLink: api.Linked, reputation.MovedLink: api.Relinked, reputation.RepeatLink: api.AlreadyLinked,
}

// refusal says what to do about a link that others forbid.
func refusal(err error) error {
	switch {
	case errors.Is(err, reputation.ErrLinkedElsewhere):
		return &api.LinkError{Code: api.LinkElsewhere, Text: `this Solana wallet is linked to another worker; to take it from there, sign again with "relink": true (worker-cli wallet link --relink)`}
	case errors.Is(err, reputation.ErrSuperseded):
		return &api.LinkError{Code: api.LinkSuperseded, Text: "a newer link of this Solana wallet is there already; sign again, and check the clock"}
	case errors.Is(err, reputation.ErrLinkedLately):
		return &api.LinkError{Code: api.LinkTooSoon, Text: fmt.Sprintf("this Solana wallet was linked to another worker a short time ago, and stays with it for at least %.0f minutes; sign again after that", reputation.MinLinked.Minutes())}
	case errors.Is(err, reputation.ErrManyLinked):
		return &api.LinkError{Code: api.LinkTooMany, Text: fmt.Sprintf("this worker has %d Solana wallets already; relink one of them to another worker first", reputation.MaxLinked)}
	}
	return fmt.Errorf("link: %w", err)
}

func answer(worker common.Address, l api.Link, change reputation.LinkChange, previous string, lifetime reputation.Lifetime) api.LinkResponse {
	tier := lifetime.Tier()
	out := api.LinkResponse{
		Status: statuses[change], Address: worker.Hex(), SolanaAddress: l.SolanaAddress,
		Tier: string(tier), Multiplier: standing.Multiplier(tier.MultiplierBps()), LifetimePaidUSD: standing.USD(lifetime.Total()),
		OwnPaidUSD: standing.USD(lifetime.Own), Linked: standing.Linked(lifetime), NextTier: standing.NextTier(lifetime),
	}
	if change == reputation.MovedLink {
		out.PreviousAddress = common.HexToAddress(previous).Hex()
	}
	return out
}
