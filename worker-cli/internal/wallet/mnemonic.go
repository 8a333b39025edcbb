package wallet

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/mnemonic"
)

// Mnemonic is what ClawRouter derives from its words: the wallet that works,
// and the Solana wallet that pays for LLM calls.
type Mnemonic struct {
	EVM           *Wallet
	SolanaAddress string
	Source        string // the file
	Warning       string // what is unsafe about the file, or ""

	solana ed25519.PrivateKey
}

// FindMnemonic reads the mnemonic in file, or, when file is empty, the one that
// ClawRouter keeps beside its wallet, in .openclaw/blockrun/mnemonic of the
// home directory. Errors are ErrNone or ErrBad and say what to do.
func FindMnemonic(file string) (*Mnemonic, error) {
	if file == "" {
		var err error
		if file, err = clawRouterFile("mnemonic"); err != nil {
			return nil, fmt.Errorf("%w: %w; name a file with --mnemonic-file", ErrNone, err)
		}
	}
	text, warning, err := readSecret(file, "--mnemonic-file")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no file %s; ClawRouter makes one when it pays on Solana; if it is elsewhere, name it with --mnemonic-file", ErrNone, file)
	}
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: %s is too long for a mnemonic; name another file with --mnemonic-file", ErrBad, file)
	}
	keys, err := mnemonic.Derive(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s holds something that is %w; restore it from a backup, or name another file with --mnemonic-file", ErrBad, file, err)
	}
	return &Mnemonic{
		EVM: newWallet(keys.EVM, file), Source: file, Warning: warning,
		SolanaAddress: api.SolanaAddress(keys.Solana.Public().(ed25519.PublicKey)), solana: keys.Solana,
	}, nil
}

// SignLink puts both addresses and both signatures on l: the worker's, and
// those of the mnemonic's Solana wallet.
func (m *Mnemonic) SignLink(l *api.Link, worker *Wallet) error {
	l.WorkerAddress, l.SolanaAddress = worker.Address, m.SolanaAddress
	return api.SignLink(l, worker.key, m.solana)
}

// String is the Solana address.
func (m *Mnemonic) String() string { return m.SolanaAddress }

// GoString is the Solana address: not even %#v shows the keys.
func (m *Mnemonic) GoString() string { return "mnemonic of " + m.SolanaAddress }

// LogValue is the Solana address.
func (m *Mnemonic) LogValue() slog.Value { return slog.StringValue(m.SolanaAddress) }
