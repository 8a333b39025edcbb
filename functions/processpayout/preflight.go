package processpayout

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// ErrUnsafe means that nothing may be signed under this configuration.
var ErrUnsafe = errors.New("processpayout: refusing to start")

// Contracts reads what is deployed on chain.
type Contracts interface {
	VerifyToken(ctx context.Context, token common.Address) (usdc.Domain, error)
	HasCode(ctx context.Context, a common.Address) (bool, error)
}

// CheckStart is called once before New. Errors that are ErrUnsafe are mended by
// changing the configuration; others, such as a node that does not answer, by
// trying again.
func (d Deps) CheckStart(ctx context.Context, c Contracts) error {
	treasury, sender := d.Signer.Address(), d.Receipts.Signer.Address()
	switch {
	case d.Caps.PerPayout <= 0 || d.Caps.PerDay <= 0:
		return fmt.Errorf("%w: PAYOUT_MAX_MICROS and PAYOUT_DAILY_MAX_MICROS must be above 0; they are %d and %d", ErrUnsafe, d.Caps.PerPayout, d.Caps.PerDay)
	case treasury == sender:
		return fmt.Errorf("%w: the treasury and the log sender are both %s; give the log sender a key of its own", ErrUnsafe, treasury)
	case len(d.Rails) == 0:
		return fmt.Errorf("%w: there is nothing to settle with; set X402_FACILITATOR_URL", ErrUnsafe)
	case d.LeaseTTL <= d.AttemptTime:
		return fmt.Errorf("%w: a lease of %v does not outlive an attempt of %v", ErrUnsafe, d.LeaseTTL, d.AttemptTime)
	}
	if err := d.Policy.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	if err := d.Receipts.Policy.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	found, err := c.VerifyToken(ctx, d.Domain.Contract)
	if err != nil {
		return err
	}
	if found != d.Domain {
		return fmt.Errorf("%w: the token at %s signs under %+v, and %+v is expected; check USDC_ADDRESS and CHAIN_ID", ErrUnsafe, d.Domain.Contract, found, d.Domain)
	}
	if err := d.checkRelayer(ctx, c); err != nil {
		return err
	}
	code, err := c.HasCode(ctx, treasury)
	if err != nil {
		return err
	}
	if code {
		return fmt.Errorf("%w: the treasury %s has code (a contract, or an EIP-7702 delegation), and USDC would refuse its signatures; take the delegation back or use another treasury", ErrUnsafe, treasury)
	}
	return nil
}

// checkRelayer looks at the second rail, if there is one.
func (d Deps) checkRelayer(ctx context.Context, c Contracts) error {
	for _, rail := range d.Rails {
		r, ok := rail.(*Relayer)
		if !ok {
			continue
		}
		switch relayer := r.Signer.Address(); {
		case relayer == d.Signer.Address():
			return fmt.Errorf("%w: the treasury and the relayer are both %s; give the relayer a key of its own", ErrUnsafe, relayer)
		case relayer == d.Receipts.Signer.Address():
			return fmt.Errorf("%w: the log sender and the relayer are both %s, and would take each other's account nonces; give the relayer a key of its own", ErrUnsafe, relayer)
		case r.LeaseTTL <= r.Policy.Within:
			return fmt.Errorf("%w: a lease of %v does not outlive the relayer's %v", ErrUnsafe, r.LeaseTTL, r.Policy.Within)
		}
		if err := r.Policy.Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnsafe, err)
		}
		code, err := c.HasCode(ctx, r.Multicall)
		if err != nil {
			return err
		}
		if !code {
			return fmt.Errorf("%w: there is no contract at %s; set MULTICALL3_ADDRESS to where Multicall3 stands on this chain, or unset RELAYER_KEY", ErrUnsafe, r.Multicall)
		}
	}
	return nil
}
