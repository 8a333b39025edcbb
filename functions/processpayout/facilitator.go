package processpayout

import (
	"context"
	"sync/atomic"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Settler is an x402 facilitator.
type Settler interface {
	Supported(ctx context.Context) (x402.SupportedAnswer, error)
	Settle(ctx context.Context, p x402.Payment) x402.Outcome
}

// Facilitator is the rail that goes through one. Before the first payment it
// asks whether the facilitator settles on the payment's network at all; a
// failed question is not remembered.
type Facilitator struct {
	settler   Settler
	supported atomic.Bool
}

// NewFacilitator makes a rail of a facilitator.
func NewFacilitator(s Settler) *Facilitator { return &Facilitator{settler: s} }

// Name implements Rail.
func (f *Facilitator) Name() string { return "facilitator" }

// The reasons of a refusal before anything was sent.
const (
	reasonNotAsked      = "facilitator_unavailable"
	reasonOtherNetworks = "network_not_supported"
)

// Settle implements Rail.
func (f *Facilitator) Settle(ctx context.Context, p x402.Payment) x402.Outcome {
	if !f.supported.Load() {
		answer, err := f.settler.Supported(ctx)
		if err != nil {
			return x402.Outcome{Kind: x402.Refused, Reason: reasonNotAsked, Detail: err.Error()}
		}
		if !answer.Settles(p.Domain.Network()) {
			return x402.Outcome{Kind: x402.Refused, Reason: reasonOtherNetworks, Detail: "it does not settle " + p.Domain.Network()}
		}
		f.supported.Store(true)
	}
	return f.settler.Settle(ctx, p)
}
