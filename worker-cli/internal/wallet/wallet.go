// Package wallet finds the worker's key, and makes one when asked. The key
// leaves this package only as signatures; no error and no other text names it.
package wallet

import (
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// EnvKey is the variable that holds a key when there is no wallet file.
const EnvKey = "BLOCKRUN_WALLET_KEY"

// The ways in which there is no usable wallet.
var (
	// ErrNone: there is no key anywhere. The user should make one.
	ErrNone = errors.New("no wallet")
	// ErrBad: there is a key, but it cannot be used. No other one is tried, or
	// the user would work for a wallet that they did not choose.
	ErrBad = errors.New("wallet cannot be used")
	// ErrExists: a new key would overwrite something.
	ErrExists = errors.New("wallet exists already")
)

// Wallet is a worker's key.
type Wallet struct {
	Address string // with EIP-55 checksum, as it is spelled in every result
	Source  string // the file, or the variable, that the key came from
	Warning string // what is unsafe about the source, or surprising; or ""

	key *ecdsa.PrivateKey
}

// Sign puts the worker's address and signature on r.
func (w *Wallet) Sign(r *api.Result) error {
	r.WorkerAddress = w.Address
	return api.Sign(r, w.key)
}

// SignPoll proves a poll for address, which must be the wallet's, with a new
// nonce.
func (w *Wallet) SignPoll(address, region string, now time.Time) (api.PollProof, error) {
	return api.SignPoll(address, region, now, rand.Text(), w.key)
}

// String is the address.
func (w *Wallet) String() string { return w.Address }

// GoString is the address: not even %#v shows the key.
func (w *Wallet) GoString() string { return "wallet " + w.Address }

// LogValue is the address.
func (w *Wallet) LogValue() slog.Value { return slog.StringValue(w.Address) }

// DefaultFile is where ClawRouter keeps its wallet: .openclaw/blockrun/wallet.key
// in the home directory.
func DefaultFile() (string, error) { return clawRouterFile("wallet.key") }

func clawRouterFile(name string) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home directory: %w", err)
	}
	return filepath.Join(home, ".openclaw", "blockrun", name), nil
}

// Find returns the wallet in file. When file is empty it is the one in
// DefaultFile, or, if that does not exist, the one in the variable EnvKey.
// Errors are ErrNone or ErrBad and say what to do.
func Find(file string, getenv func(string) string) (*Wallet, error) {
	const makeOne = "worker-cli wallet new"
	if file != "" {
		makeIt := makeOne + " --wallet " + file
		w, err := load(file, makeIt)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: there is no file %s; make one with: %s", ErrNone, file, makeIt)
		}
		return w, err
	}
	file, homeErr := DefaultFile()
	if homeErr == nil {
		w, err := load(file, makeOne)
		if err == nil {
			w.warn(passedOver(getenv(EnvKey), w.Address))
		}
		if !errors.Is(err, os.ErrNotExist) {
			return w, err
		}
	}
	if text := getenv(EnvKey); text != "" {
		return fromText(text, EnvKey, "correct it, or unset it")
	}
	if homeErr != nil {
		return nil, fmt.Errorf("%w: %w, and %s is not set; name a file with --wallet", ErrNone, homeErr, EnvKey)
	}
	return nil, fmt.Errorf("%w: there is no file %s (ClawRouter makes one), and %s is not set; make a new wallet with: %s", ErrNone, file, EnvKey, makeOne)
}

// passedOver says that the key in the variable is not used, if that could
// surprise its owner.
func passedOver(text, used string) string {
	if text == "" {
		return ""
	}
	other, err := fromText(text, EnvKey, "")
	switch {
	case err != nil:
		return EnvKey + " is set, is no key, and is not used: the wallet file comes first"
	case other.Address != used:
		return fmt.Sprintf("%s holds another key, of %s, which is not used: the wallet file comes first; to work for that one, move the file away or name another with --wallet", EnvKey, other.Address)
	}
	return ""
}

// warn adds to what is unsafe or surprising about the wallet.
func (w *Wallet) warn(text string) {
	if w.Warning != "" && text != "" {
		text = "; " + text
	}
	w.Warning += text
}

func newWallet(key *ecdsa.PrivateKey, source string) *Wallet {
	return &Wallet{Address: crypto.PubkeyToAddress(key.PublicKey).Hex(), Source: source, key: key}
}
