package devchain_test

import (
	"crypto/ecdsa"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain/contracts"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

type token struct {
	*testing.T
	chain  *devchain.Chain
	client *ethclient.Client
	set    *contracts.Set
}

func newToken(t *testing.T) token {
	c, client := start(t, devchain.Options{Instant: true})
	set, err := contracts.Load()
	ok(t, err)
	return token{t, c, client, set}
}

// pack is calldata for the method of that name that takes so many arguments:
// some come with v, r, s and with the bytes of a signature.
func (t token) pack(method string, args ...any) []byte {
	t.Helper()
	for _, m := range t.set.Token.ABI.Methods {
		if m.RawName == method && len(m.Inputs) == len(args) {
			data, err := m.Inputs.Pack(args...)
			ok(t.T, err)
			return append(m.ID[:4:4], data...)
		}
	}
	t.Fatalf("no method %s with %d arguments", method, len(args))
	return nil
}

// try calls without a transaction and returns the reason of the revert.
func (t token) try(from common.Address, data []byte) string {
	t.Helper()
	_, err := t.client.CallContract(t.Context(), ethereum.CallMsg{From: from, To: &t.chain.Network.Token, Data: data}, nil)
	if err == nil {
		return ""
	}
	reason, reverted := strings.CutPrefix(err.Error(), "execution reverted: ")
	if !reverted {
		t.Fatal(err)
	}
	return reason
}

func (t token) send(data []byte) *types.Receipt {
	t.Helper()
	r, err := t.chain.Transact(t.Context(), devchain.Tx{From: t.chain.Relayer, To: t.chain.Network.Token, Data: data})
	ok(t.T, err)
	return r
}

func (t token) now() int64 {
	t.Helper()
	head, err := t.chain.Head(t.Context())
	ok(t.T, err)
	return int64(head.Time)
}

// authorization is one that the treasury may sign.
func (t token) authorization() x402.Authorization {
	return x402.Authorization{
		From: crypto.PubkeyToAddress(t.chain.Treasury.PublicKey), To: common.Address{0x40, 19: 1}, Value: 10_000,
		ValidBefore: t.now() + 3600, Nonce: common.Hash{1, 2, 3},
	}
}

func sign(t *testing.T, digest common.Hash, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	sig, err := crypto.Sign(digest[:], key)
	ok(t, err)
	sig[64] += 27
	return sig
}

func args(a x402.Authorization) []any {
	return []any{a.From, a.To, big.NewInt(int64(a.Value)), big.NewInt(a.ValidAfter), big.NewInt(a.ValidBefore), a.Nonce}
}

func vrs(sig []byte) []any {
	return []any{sig[64], common.BytesToHash(sig[:32]), common.BytesToHash(sig[32:64])}
}

// transfer is the call with the treasury's signature, changed by change.
func (t token) transfer(a x402.Authorization, change func(sig []byte) []byte) []byte {
	t.Helper()
	sig := sign(t.T, x402.Digest(t.chain.Network.Domain(), a), t.chain.Treasury)
	if change != nil {
		sig = change(sig)
	}
	return t.pack("transferWithAuthorization", append(args(a), vrs(sig)...)...)
}

func TestTransferWithAuthorization(t *testing.T) {
	tk := newToken(t)
	for i, form := range []string{"v, r, s", "bytes"} {
		a := tk.authorization()
		a.Nonce[31] = byte(i)
		sig := sign(t, x402.Digest(tk.chain.Network.Domain(), a), tk.chain.Treasury)
		data := tk.pack("transferWithAuthorization", append(args(a), sig)...)
		if form == "v, r, s" {
			data = tk.transfer(a, nil)
		}
		r := tk.send(data)
		if len(r.Logs) != 2 {
			t.Fatalf("%s: %d logs", form, len(r.Logs))
		}
		events := tk.set.Token.ABI.Events
		used, moved := r.Logs[0], r.Logs[1]
		if used.Topics[0] != events["AuthorizationUsed"].ID || used.Topics[1] != common.BytesToHash(a.From[:]) || used.Topics[2] != a.Nonce {
			t.Errorf("%s: first log %+v", form, used)
		}
		if moved.Topics[0] != events["Transfer"].ID || moved.Topics[2] != common.BytesToHash(a.To[:]) || new(big.Int).SetBytes(moved.Data).Int64() != int64(a.Value) {
			t.Errorf("%s: second log %+v", form, moved)
		}
		if reason := tk.try(common.Address{}, data); reason != "FiatTokenV2: authorization is used or canceled" {
			t.Errorf("%s: again: %q", form, reason)
		}
	}
	if got, err := tk.chain.USDCBalance(t.Context(), tk.authorization().To); err != nil || got.Int64() != 20_000 {
		t.Errorf("balance %s, %v", got, err)
	}
}

func TestRefusedAuthorizations(t *testing.T) {
	tk := newToken(t)
	halfOrder := new(big.Int).Rsh(crypto.S256().Params().N, 1)
	for name, c := range map[string]struct {
		change func(*x402.Authorization)
		sig    func([]byte) []byte
		want   string
	}{
		"good":                         {},
		"valid from the last second":   {change: func(a *x402.Authorization) { a.ValidAfter = tk.now() - 1 }},
		"valid from now":               {change: func(a *x402.Authorization) { a.ValidAfter = tk.now() }, want: "FiatTokenV2: authorization is not yet valid"},
		"valid before the next second": {change: func(a *x402.Authorization) { a.ValidBefore = tk.now() + 1 }},
		"valid before now":             {change: func(a *x402.Authorization) { a.ValidBefore = tk.now() }, want: "FiatTokenV2: authorization is expired"},
		"to nobody":                    {change: func(a *x402.Authorization) { a.To = common.Address{} }, want: "ERC20: transfer to the zero address"},
		"too much":                     {change: func(a *x402.Authorization) { a.Value = 1 << 60 }, want: "ERC20: transfer amount exceeds balance"},
		"another's money":              {change: func(a *x402.Authorization) { a.From = common.Address{5} }, want: "FiatTokenV2: invalid signature"},
		"v of 0 or 1":                  {sig: func(s []byte) []byte { s[64] -= 27; return s }, want: "ECRecover: invalid signature 'v' value"},
		"broken r":                     {sig: func(s []byte) []byte { clear(s[:32]); return s }, want: "ECRecover: invalid signature"},
		"high s": {sig: func(s []byte) []byte {
			high := new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(s[32:64]))
			if high.Cmp(halfOrder) <= 0 {
				panic("crypto.Sign made a high s")
			}
			high.FillBytes(s[32:64])
			s[64] = 27 + 28 - s[64]
			return s
		}, want: "ECRecover: invalid signature 's' value"},
	} {
		t.Run(name, func(t *testing.T) {
			a := tk.authorization()
			if c.change != nil {
				c.change(&a)
			}
			if got := tk.try(common.Address{}, tk.transfer(a, c.sig)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	a := tk.authorization()
	sig := sign(t, x402.Digest(tk.chain.Network.Domain(), a), tk.chain.Treasury)
	if got := tk.try(common.Address{}, tk.pack("transferWithAuthorization", append(args(a), sig[:64])...)); got != "ECRecover: invalid signature length" {
		t.Errorf("64 bytes: %q", got)
	}
	// Signed as another network's.
	main, _ := usdc.ByChainID(usdc.Base)
	sig = sign(t, x402.Digest(main.Domain(), a), tk.chain.Treasury)
	if got := tk.try(common.Address{}, tk.pack("transferWithAuthorization", append(args(a), sig)...)); got != "FiatTokenV2: invalid signature" {
		t.Errorf("another domain: %q", got)
	}
}

func TestPauseAndBlacklist(t *testing.T) {
	tk := newToken(t)
	ctx := t.Context()
	data := tk.transfer(tk.authorization(), nil)
	a := tk.authorization()
	expect := func(what, want string) {
		t.Helper()
		if got := tk.try(common.Address{}, data); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	ok(t, tk.chain.Pause(ctx))
	expect("paused", "Pausable: paused")
	ok(t, tk.chain.Unpause(ctx))
	expect("unpaused", "")
	for name, who := range map[string]common.Address{"recipient": a.To, "treasury": a.From} {
		ok(t, tk.chain.Blacklist(ctx, who))
		expect(name+" blacklisted", "Blacklistable: account is blacklisted")
		ok(t, tk.chain.UnBlacklist(ctx, who))
		expect(name+" admitted", "")
	}
	ok(t, tk.chain.GiveUSDC(ctx, a.To, 7))
	ok(t, tk.chain.Blacklist(ctx, a.To))
	if got, err := tk.chain.USDCBalance(ctx, a.To); err != nil || got.Int64() != 7 {
		t.Errorf("balance of a blacklisted address %s, %v", got, err)
	}
	stranger := common.Address{8}
	for _, data := range [][]byte{tk.pack("pause"), tk.pack("blacklist", stranger), tk.pack("mint", stranger, big.NewInt(1))} {
		if got := tk.try(stranger, data); got != "Ownable: caller is not the owner" {
			t.Errorf("a stranger: %q", got)
		}
	}
	if got := tk.try(stranger, tk.pack("initialize", "", "", "", stranger)); got != "FiatToken: contract is already initialized" {
		t.Errorf("initialize again: %q", got)
	}
}

func TestCancelAuthorization(t *testing.T) {
	tk := newToken(t)
	for _, form := range []string{"v, r, s", "bytes"} {
		a := tk.authorization()
		a.Nonce = crypto.Keccak256Hash([]byte(form))
		typeHash := crypto.Keccak256([]byte("CancelAuthorization(address authorizer,bytes32 nonce)"))
		structHash := crypto.Keccak256(typeHash, common.LeftPadBytes(a.From[:], 32), a.Nonce[:])
		digest := crypto.Keccak256Hash([]byte{0x19, 1}, tk.chain.Network.Domain().Separator().Bytes(), structHash)
		sig := sign(t, digest, tk.chain.Treasury)
		in := append([]any{a.From, a.Nonce}, vrs(sig)...)
		if form == "bytes" {
			in = []any{a.From, a.Nonce, sig}
		}
		r := tk.send(tk.pack("cancelAuthorization", in...))
		if len(r.Logs) != 1 || r.Logs[0].Topics[0] != tk.set.Token.ABI.Events["AuthorizationCanceled"].ID || r.Logs[0].Topics[2] != a.Nonce {
			t.Errorf("%s: logs %+v", form, r.Logs)
		}
		if got := tk.try(common.Address{}, tk.transfer(a, nil)); got != "FiatTokenV2: authorization is used or canceled" {
			t.Errorf("%s: then: %q", form, got)
		}
	}
}

func TestReceiveWithAuthorization(t *testing.T) {
	tk := newToken(t)
	a := tk.authorization()
	typeHash := crypto.Keccak256([]byte("ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"))
	word := func(n int64) []byte { return common.LeftPadBytes(big.NewInt(n).Bytes(), 32) }
	structHash := crypto.Keccak256(typeHash, common.LeftPadBytes(a.From[:], 32), common.LeftPadBytes(a.To[:], 32),
		word(int64(a.Value)), word(a.ValidAfter), word(a.ValidBefore), a.Nonce[:])
	digest := crypto.Keccak256Hash([]byte{0x19, 1}, tk.chain.Network.Domain().Separator().Bytes(), structHash)
	sig := sign(t, digest, tk.chain.Treasury)
	data := tk.pack("receiveWithAuthorization", append(args(a), vrs(sig)...)...)
	if got := tk.try(common.Address{9}, data); got != "FiatTokenV2: caller must be the payee" {
		t.Errorf("a stranger: %q", got)
	}
	if got := tk.try(a.To, data); got != "" {
		t.Errorf("the payee: %q", got)
	}
	if got := tk.try(common.Address{}, tk.pack("transferWithAuthorization", append(args(a), vrs(sig)...)...)); got != "FiatTokenV2: invalid signature" {
		t.Errorf("as a transfer: %q", got)
	}
}

// With code at the treasury its ECDSA signatures are worth nothing.
func TestDelegatedTreasury(t *testing.T) {
	tk := newToken(t)
	data := tk.transfer(tk.authorization(), nil)
	if got := tk.try(common.Address{}, data); got != "" {
		t.Fatalf("before: %q", got)
	}
	ok(t, tk.chain.Delegate(t.Context()))
	if got := tk.try(common.Address{}, data); got != "FiatTokenV2: invalid signature" {
		t.Errorf("after: %q", got)
	}
}

// A contract signs by its own rules (ERC-1271).
func TestContractWallet(t *testing.T) {
	tk := newToken(t)
	ok(t, tk.chain.GiveUSDC(t.Context(), tk.chain.Wallet, 10_000))
	a := tk.authorization()
	a.From = tk.chain.Wallet
	if got := tk.try(common.Address{}, tk.transfer(a, nil)); got != "" {
		t.Errorf("signed by its owner: %q", got)
	}
	sig := sign(t, x402.Digest(tk.chain.Network.Domain(), a), tk.chain.Relayer)
	if got := tk.try(common.Address{}, tk.pack("transferWithAuthorization", append(args(a), sig)...)); got != "FiatTokenV2: invalid signature" {
		t.Errorf("signed by another: %q", got)
	}
}

func TestERC20(t *testing.T) {
	tk := newToken(t)
	alice, bob := common.Address{0xa1}, common.Address{0xb0}
	ok(t, tk.chain.GiveUSDC(t.Context(), alice, 100))
	relayer := crypto.PubkeyToAddress(tk.chain.Relayer.PublicKey)
	ok(t, tk.chain.GiveUSDC(t.Context(), relayer, 100))
	if got := tk.try(alice, tk.pack("transfer", bob, big.NewInt(101))); got != "ERC20: transfer amount exceeds balance" {
		t.Errorf("too much: %q", got)
	}
	if got := tk.try(alice, tk.pack("transferFrom", relayer, bob, big.NewInt(1))); got != "ERC20: transfer amount exceeds allowance" {
		t.Errorf("without an allowance: %q", got)
	}
	tk.send(tk.pack("approve", alice, big.NewInt(60)))
	if got := tk.try(alice, tk.pack("transferFrom", relayer, bob, big.NewInt(60))); got != "" {
		t.Errorf("with an allowance: %q", got)
	}
	tk.send(tk.pack("transfer", bob, big.NewInt(40)))
	if got, err := tk.chain.USDCBalance(t.Context(), bob); err != nil || got.Int64() != 40 {
		t.Errorf("balance %s, %v", got, err)
	}
	domain := tk.chain.Network.Domain()
	for method, want := range map[string]string{"name": domain.Name, "symbol": "USDC", "version": "2", "decimals": "6"} {
		out, err := tk.client.CallContract(t.Context(), ethereum.CallMsg{To: &tk.chain.Network.Token, Data: tk.pack(method)}, nil)
		ok(t, err)
		values, err := tk.set.Token.ABI.Methods[method].Outputs.Unpack(out)
		if err != nil || fmt.Sprint(values[0]) != want {
			t.Errorf("%s is %v, %v", method, values, err)
		}
	}
	out, err := tk.client.CallContract(t.Context(), ethereum.CallMsg{To: &tk.chain.Network.Token, Data: tk.pack("DOMAIN_SEPARATOR")}, nil)
	if err != nil || common.BytesToHash(out) != domain.Separator() {
		t.Errorf("domain separator %x, %v", out, err)
	}
}
