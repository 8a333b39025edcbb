package processpayout

import (
	"context"
	"fmt"

	kms "cloud.google.com/go/kms/apiv1"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// keys are all that the function signs with.
type keys struct {
	treasury, logSender x402.Signer
	relayer             x402.Signer // nil: there is no second rail
}

func openKeys(ctx context.Context, c *config.ProcessPayout) (k keys, err error) {
	if k.treasury, err = openKey(ctx, "TREASURY_", c.Treasury); err != nil {
		return keys{}, err
	}
	if want := common.Address(c.Money.Treasury); k.treasury.Address() != want {
		return keys{}, fmt.Errorf("%w: TREASURY_ADDRESS is %s, but the key is that of %s", ErrUnsafe, want, k.treasury.Address())
	}
	if k.logSender, err = openKey(ctx, "LOG_SENDER_", c.LogSender); err != nil {
		return keys{}, err
	}
	if c.HasRelayer() {
		k.relayer, err = openKey(ctx, "RELAYER_", c.Relayer)
	}
	return k, err
}

// openKey makes a signer of a key, wherever it is. prefix names it in errors,
// which never hold any of it.
func openKey(ctx context.Context, prefix string, k config.Key) (x402.Signer, error) {
	switch {
	case k.KMS != "":
		client, err := kms.NewKeyManagementClient(ctx)
		if err != nil {
			return nil, fmt.Errorf("%sKMS_KEY: connect to Cloud KMS: %w", prefix, err)
		}
		s, err := signer.NewKMS(ctx, client, k.KMS)
		if err != nil {
			client.Close()
			return nil, fmt.Errorf("%sKMS_KEY: %w", prefix, err)
		}
		return s, nil
	case k.File != "":
		s, err := signer.FromFile(k.File)
		if err != nil {
			return nil, fmt.Errorf("%sKEY_FILE: %w", prefix, err)
		}
		return s, nil
	default:
		s, err := signer.FromHex(k.Hex.Reveal())
		if err != nil {
			return nil, fmt.Errorf("%sKEY: %w", prefix, err)
		}
		return s, nil
	}
}
