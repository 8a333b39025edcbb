package api

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/mr-tron/base58"
)

// LinkPath is the path that links wallets, below the base (".../api").
const LinkPath = "/v1/worker/link"

// MaxLinkBytes is how long a link's body may be; a larger one gets 413.
const MaxLinkBytes = 4 << 10

var (
	// ErrLink means that a link is malformed, not signed by both wallets, for
	// another chain, or not of this moment: 400.
	ErrLink = errors.New("wallets not linked")
	// ErrLinkConflict means that a link is good, but that other links forbid it:
	// 409.
	ErrLinkConflict = errors.New("wallets not linked because of other links")
)

// The reasons for which a link is refused, as ErrorBody.Code.
const (
	LinkMalformed  Code = "link_malformed"
	LinkChain      Code = "link_chain"      // signed for another chain
	LinkClock      Code = "link_clock"      // older than MaxAge, or more than MaxAhead in the future
	LinkSignature  Code = "link_signature"  // of either wallet
	LinkElsewhere  Code = "link_elsewhere"  // 409: the Solana wallet is another worker's, and this is no relink
	LinkSuperseded Code = "link_superseded" // 409: a newer link is there already
	LinkTooSoon    Code = "link_too_soon"   // 409: the Solana wallet became another worker's less than an hour ago
	LinkTooMany    Code = "link_too_many"   // 409: the worker has as many Solana wallets as it may
)

var linkCodes = []Code{LinkMalformed, LinkChain, LinkClock, LinkSignature, LinkElsewhere, LinkSuperseded, LinkTooSoon, LinkTooMany}

// LinkError is a refused link: an ErrLinkConflict if its Code says 409, and
// else an ErrLink.
type LinkError struct {
	Code Code
	Text string // for the user
}

func (e *LinkError) Error() string { return e.Unwrap().Error() + ": " + e.Text }

// Unwrap is the sentinel that says the status.
func (e *LinkError) Unwrap() error {
	switch e.Code {
	case LinkElsewhere, LinkSuperseded, LinkTooSoon, LinkTooMany:
		return ErrLinkConflict
	}
	return ErrLink
}

// ErrorCode is e.Code.
func (e *LinkError) ErrorCode() Code { return e.Code }

func badLink(code Code, format string, args ...any) error {
	return &LinkError{code, fmt.Sprintf(format, args...)}
}

// Link ties a Solana wallet to a worker's EVM wallet: what was paid for LLM
// calls under either counts for the worker. Both wallets sign LinkMessage.
type Link struct {
	WorkerAddress   string `json:"workerAddress"`    // the message has it with EIP-55 checksum
	SolanaAddress   string `json:"solanaAddress"`    // base58
	ChainID         int64  `json:"chainId"`          // on which workers are paid: 8453 Base, 84532 Base Sepolia
	Timestamp       int64  `json:"timestamp"`        // ms since 1970
	Relink          bool   `json:"relink,omitempty"` // take the Solana wallet from another worker's wallet
	Signature       string `json:"signature"`        // the worker's, EIP-191: 0x + 130 hex
	SolanaSignature string `json:"solanaSignature"`  // ed25519 over the same bytes: 64 bytes in base58
}

// LinkResponse answers POST {base}/v1/worker/link with status 200. The same
// link sent again gets Status "already_linked".
type LinkResponse struct {
	Status          LinkStatus    `json:"status"`
	Address         string        `json:"address"` // the worker's, with EIP-55 checksum
	SolanaAddress   string        `json:"solanaAddress"`
	PreviousAddress string        `json:"previousAddress,omitempty"` // after "relinked": whom the Solana wallet was linked to
	Tier            string        `json:"tier"`                      // from the next accepted check on
	Multiplier      string        `json:"multiplier"`
	LifetimePaidUSD string        `json:"lifetimePaidUsd"` // under all of the worker's wallets, nine decimals
	OwnPaidUSD      string        `json:"ownPaidUsd"`      // of it under the EVM address
	Linked          []LinkedSpend `json:"linked"`          // the rest
	NextTier        *NextTier     `json:"nextTier,omitempty"`
}

// LinkStatus is what became of a link.
type LinkStatus string

// The outcomes of a link that is accepted.
const (
	Linked        LinkStatus = "linked"
	Relinked      LinkStatus = "relinked"
	AlreadyLinked LinkStatus = "already_linked"
)

// LinkedSpend is a Solana wallet that is linked to a worker.
type LinkedSpend struct {
	SolanaAddress string    `json:"solanaAddress"`
	PaidUSD       string    `json:"paidUsd"` // for LLM calls, nine decimals
	Since         time.Time `json:"since"`
}

// LinkMessage is what both wallets sign: plain text, as a wallet shows it,
// whose lines follow Sign-In with Ethereum (EIP-4361) in manner. It begins
// with a letter, so that no Solana program takes it for a transaction. Every
// field of l but the signatures is in it. Error: ErrLink.
func LinkMessage(l Link) ([]byte, error) {
	worker, _, err := linkWallets(l)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `BlockRun: link two wallets that are both mine.

What was paid for LLM calls with the Solana wallet counts for the EVM wallet, which works and is paid. This signature moves no money and gives nobody access to a wallet.

EVM wallet: %s
Solana wallet: %s
Chain ID: %d
Time: %d ms (%s)
Relink: %t`, worker.Hex(), l.SolanaAddress, l.ChainID, l.Timestamp, time.UnixMilli(l.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z"), l.Relink), nil
}

func linkWallets(l Link) (common.Address, ed25519.PublicKey, error) {
	worker, err := ParseAddress(l.WorkerAddress)
	if err != nil {
		return worker, nil, badLink(LinkMalformed, "workerAddress is %v", err)
	}
	solana, err := ParseSolanaAddress(l.SolanaAddress)
	if err != nil {
		return worker, nil, badLink(LinkMalformed, "solanaAddress is %v", err)
	}
	if l.Timestamp < 1 || l.Timestamp > MaxTimestamp {
		return worker, nil, badLink(LinkMalformed, "timestamp must be in milliseconds since 1970")
	}
	return worker, solana, nil
}

// SignLink puts both signatures on l, whose addresses must be those of the
// keys.
func SignLink(l *Link, worker *ecdsa.PrivateKey, solana ed25519.PrivateKey) error {
	message, err := LinkMessage(*l)
	if err != nil {
		return err
	}
	if own := crypto.PubkeyToAddress(worker.PublicKey); own != common.HexToAddress(l.WorkerAddress) {
		return badLink(LinkSignature, "workerAddress is %s, but the key's address is %s", l.WorkerAddress, own)
	}
	if own := SolanaAddress(solana.Public().(ed25519.PublicKey)); own != l.SolanaAddress {
		return badLink(LinkSignature, "solanaAddress is %s, but the key's address is %s", l.SolanaAddress, own)
	}
	if l.Signature, err = PersonalSign(message, worker); err != nil {
		return fmt.Errorf("api: sign a link: %w", err)
	}
	l.SolanaSignature = base58.Encode(ed25519.Sign(solana, message))
	return nil
}

// VerifyLink checks that both wallets signed l, for workers that are paid on
// this chain, and lately: at most MaxAge before now and MaxAhead after it, as
// of results. It returns the worker's address. Whether the wallets may be
// linked is for reputation.Link to judge. Error: ErrLink, which says what is
// wrong.
func VerifyLink(l Link, chainID int64, now time.Time) (common.Address, error) {
	refuse := func(code Code, format string, args ...any) (common.Address, error) {
		return common.Address{}, badLink(code, format, args...)
	}
	worker, solana, err := linkWallets(l)
	if err != nil {
		return common.Address{}, err
	}
	at := time.UnixMilli(l.Timestamp)
	switch {
	case l.ChainID != chainID:
		return refuse(LinkChain, "chainId is %d, but this network pays on chain %d; sign for that one", l.ChainID, chainID)
	case now.Sub(at) > MaxAge:
		return refuse(LinkClock, "timestamp is %s; sign again, and check the clock", Stale.Text())
	case at.Sub(now) > MaxAhead:
		return refuse(LinkClock, "timestamp is %s", Future.Text())
	}
	message, err := LinkMessage(l)
	if err != nil {
		return common.Address{}, err
	}
	signer, err := Recover(message, l.Signature)
	if err != nil {
		return refuse(LinkSignature, "signature: %v", err)
	}
	if signer != worker {
		return refuse(LinkSignature, "signature is not made by workerAddress over this message")
	}
	if !ed25519.Verify(solana, message, solanaSignature(l.SolanaSignature)) {
		return refuse(LinkSignature, "solanaSignature is not made by solanaAddress over this message; want 64 bytes in base58")
	}
	return worker, nil
}

// solanaSignature is nil for what is no signature.
func solanaSignature(s string) []byte {
	const longest = 88
	if len(s) > longest {
		return nil
	}
	sig, err := base58.Decode(s)
	if err != nil {
		return nil
	}
	return sig
}

// DecodeLink reads the body of a link. Names are compared exactly, of a name
// that comes twice the last counts, unknown members are passed over, and null
// stands for a member that is left out, as in DecodeResults. The caller limits
// r's length. Error: ErrLink; a failure to read r is wrapped, too.
func DecodeLink(r io.Reader) (Link, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return Link{}, fmt.Errorf("%w: reading the body: %w", ErrLink, err)
	}
	if !json.Valid(body) {
		return Link{}, badLink(LinkMalformed, "not JSON: %v", json.Unmarshal(body, new(json.RawMessage)))
	}
	text := skip(string(body))
	if text[0] != '{' {
		return Link{}, badLink(LinkMalformed, "want a JSON object")
	}
	values := map[string]string{}
	for name, value := range members(text) {
		values[name] = value
	}
	var l Link
	for _, f := range []struct {
		name, want string
		read       func(string) bool
	}{
		{"workerAddress", "a string", func(v string) bool { return readString(&l.WorkerAddress, v) }},
		{"solanaAddress", "a string", func(v string) bool { return readString(&l.SolanaAddress, v) }},
		{"chainId", "an integer", func(v string) bool { return readInt(&l.ChainID, v) }},
		{"timestamp", "an integer", func(v string) bool { return readInt(&l.Timestamp, v) }},
		{"relink", "true or false, or left out", func(v string) bool { return v == "null" || readBool(&l.Relink, v) }},
		{"signature", "a string", func(v string) bool { return readString(&l.Signature, v) }},
		{"solanaSignature", "a string", func(v string) bool { return readString(&l.SolanaSignature, v) }},
	} {
		value, ok := values[f.name]
		if !ok {
			value = "null"
		}
		if !f.read(value) {
			return Link{}, badLink(LinkMalformed, "%s must be %s", f.name, f.want)
		}
	}
	return l, nil
}
