package api

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/mr-tron/base58"
)

var linkTime = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func solanaKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append([]byte{n}, make([]byte, 31)...))
}

// signedLink is a good link, changed before it is signed.
func signedLink(t *testing.T, change func(*Link)) Link {
	t.Helper()
	key, err := crypto.HexToECDSA(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	solana := solanaKey(1)
	l := Link{
		WorkerAddress: crypto.PubkeyToAddress(key.PublicKey).Hex(), SolanaAddress: SolanaAddress(solana.Public().(ed25519.PublicKey)),
		ChainID: 8453, Timestamp: linkTime.UnixMilli(),
	}
	if change != nil {
		change(&l)
	}
	if err := SignLink(&l, key, solana); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLinkMessage(t *testing.T) {
	l := signedLink(t, func(l *Link) { l.Relink = true })
	got, err := LinkMessage(l)
	want := `BlockRun: link two wallets that are both mine.

What was paid for LLM calls with the Solana wallet counts for the EVM wallet, which works and is paid. This signature moves no money and gives nobody access to a wallet.

EVM wallet: 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf
Solana wallet: EvFUfisEScFuZSqDXagC17m3bpP32B74dseMHtzQ5TNb
Chain ID: 8453
Time: 1785585600000 ms (2026-08-01T12:00:00.000Z)
Relink: true`
	if string(got) != want || err != nil {
		t.Errorf("%s\n%v", got, err)
	}
	lower := l
	lower.WorkerAddress = strings.ToLower(l.WorkerAddress)
	if again, err := LinkMessage(lower); string(again) != want || err != nil {
		t.Errorf("the request's spelling of the address is in the message: %s, %v", again, err)
	}
}

func TestVerifyLink(t *testing.T) {
	good := signedLink(t, nil)
	wallet := common.HexToAddress(good.WorkerAddress)
	for _, spelling := range []string{good.WorkerAddress, strings.ToLower(good.WorkerAddress), "0x" + strings.ToUpper(good.WorkerAddress[2:])} {
		l := good
		l.WorkerAddress = spelling
		if worker, err := VerifyLink(l, 8453, linkTime); worker != wallet || err != nil {
			t.Errorf("%s: %s, %v", spelling, worker, err)
		}
	}
	for _, at := range []time.Duration{MaxAge, -MaxAhead} {
		if _, err := VerifyLink(good, 8453, linkTime.Add(at)); err != nil {
			t.Errorf("%v later: %v", at, err)
		}
	}
	other := solanaKey(2)
	wrong := map[string]struct {
		change func(*Link)
		says   string
	}{
		"no worker":                       {func(l *Link) { l.WorkerAddress = "" }, "workerAddress is not an address"},
		"a wrong checksum":                {func(l *Link) { l.WorkerAddress = "0x7e5F4552091A69125d5DfCb7b8C2659029395Bdf" }, "EIP-55"},
		"a Solana address for the worker": {func(l *Link) { l.WorkerAddress = l.SolanaAddress }, "workerAddress is not"},
		"the wallets swapped":             {func(l *Link) { l.WorkerAddress, l.SolanaAddress = l.SolanaAddress, l.WorkerAddress }, "workerAddress is not"},
		"the signatures swapped":          {func(l *Link) { l.Signature, l.SolanaSignature = l.SolanaSignature, l.Signature }, "signature"},
		"another worker":                  {func(l *Link) { l.WorkerAddress = common.Address{1}.Hex() }, "signature is not made by workerAddress"},
		"another Solana wallet":           {func(l *Link) { l.SolanaAddress = SolanaAddress(other.Public().(ed25519.PublicKey)) }, "signature is not made"},
		"another chain":                   {func(l *Link) { l.ChainID = 84532 }, "chainId is 84532, but this network pays on chain 8453"},
		"a millisecond later":             {func(l *Link) { l.Timestamp++ }, "signature is not made"},
		"made a relink":                   {func(l *Link) { l.Relink = true }, "signature is not made"},
		"no time":                         {func(l *Link) { l.Timestamp = 0 }, "timestamp must be"},
		"a time that is none":             {func(l *Link) { l.Timestamp = MaxTimestamp + 1 }, "timestamp must be"},
		"an address in lower case":        {func(l *Link) { l.SolanaAddress = strings.ToLower(l.SolanaAddress) }, "solanaAddress is not"},
		"an address with a zero":          {func(l *Link) { l.SolanaAddress = "0" + l.SolanaAddress[1:] }, "solanaAddress is not"},
		"an address of 31 bytes":          {func(l *Link) { l.SolanaAddress = base58.Encode(make([]byte, 31)) }, "solanaAddress is not"},
		"an address of 33 bytes":          {func(l *Link) { l.SolanaAddress = base58.Encode(append([]byte{1}, make([]byte, 32)...)) }, "solanaAddress is not"},
		"an address with a space":         {func(l *Link) { l.SolanaAddress += " " }, "solanaAddress is not"},
		"a long address":                  {func(l *Link) { l.SolanaAddress = strings.Repeat("z", 4000) }, "solanaAddress is not"},
		"no signature":                    {func(l *Link) { l.Signature = "" }, "invalid signature"},
		"no Solana signature":             {func(l *Link) { l.SolanaSignature = "" }, "solanaSignature is not"},
		"a Solana signature in hex":       {func(l *Link) { b, _ := base58.Decode(l.SolanaSignature); l.SolanaSignature = hex.EncodeToString(b) }, "solanaSignature is not"},
		"a long Solana signature":         {func(l *Link) { l.SolanaSignature += "1" }, "solanaSignature is not"},
	}
	for name, c := range wrong {
		l := good
		c.change(&l)
		if worker, err := VerifyLink(l, 8453, linkTime); !errors.Is(err, ErrLink) || !strings.Contains(err.Error(), c.says) || worker != (common.Address{}) {
			t.Errorf("%s: %s, %v", name, worker, err)
		}
	}
	for _, c := range []struct {
		later time.Duration
		says  string
	}{{MaxAge + time.Millisecond, "older than 5 minutes"}, {-MaxAhead - time.Millisecond, "more than 30 s in the future"}} {
		if _, err := VerifyLink(good, 8453, linkTime.Add(c.later)); !errors.Is(err, ErrLink) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v later: %v", c.later, err)
		}
	}
}

// Signatures by others than the named wallets, over the right message.
func TestVerifyLinkWantsBothWallets(t *testing.T) {
	good := signedLink(t, nil)
	message, err := LinkMessage(good)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	l := good
	if l.Signature, err = PersonalSign(message, stranger); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyLink(l, 8453, linkTime); err == nil || !strings.Contains(err.Error(), "signature is not made by workerAddress") {
		t.Errorf("signed by another worker: %v", err)
	}
	l = good
	l.SolanaSignature = base58.Encode(ed25519.Sign(solanaKey(2), message))
	if _, err := VerifyLink(l, 8453, linkTime); err == nil || !strings.Contains(err.Error(), "solanaSignature is not made by") {
		t.Errorf("signed by another Solana wallet: %v", err)
	}
	l = good
	if err := SignLink(&l, stranger, solanaKey(1)); err == nil {
		t.Error("SignLink signed for another worker")
	}
	if err := SignLink(&l, stranger, solanaKey(2)); err == nil {
		t.Error("SignLink signed for another Solana wallet")
	}
}

// A key of small order needs no secret: some signature out of a handful fits
// any message. The standard library lets them pass; ParseSolanaAddress must not.
func TestKeysThatAnybodyCanSignFor(t *testing.T) {
	forged := 0
	for _, y := range smallOrderY {
		for _, sign := range []byte{0, 0x80} {
			key := y
			key[31] |= sign
			address := base58.Encode(key[:])
			if _, err := ParseSolanaAddress(address); !errors.Is(err, ErrSolanaAddress) {
				t.Errorf("%s is taken: %v", address, err)
			}
			for _, r := range smallOrderY {
				for _, rsign := range []byte{0, 0x80} {
					sig := make([]byte, 64) // s = 0
					copy(sig, r[:])
					sig[31] |= rsign
					if ed25519.Verify(key[:], []byte("a message"), sig) {
						forged++
					}
				}
			}
		}
	}
	if forged == 0 {
		t.Error("no forgery works: then what is refused here needs no refusing")
	}
	if _, err := ParseSolanaAddress("11111111111111111111111111111111"); err == nil {
		t.Error("the system program's address is taken")
	}
	if key, err := ParseSolanaAddress("HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"); err != nil || SolanaAddress(key) != "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk" {
		t.Errorf("a wallet's address is refused: %v", err)
	}
}

func TestDecodeLink(t *testing.T) {
	good := signedLink(t, func(l *Link) { l.Relink = true })
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{string(text), " " + strings.Replace(string(text), "{", `{"more":[{}],"relink":false,"RELINK":false,`, 1) + "\n"} {
		if got, err := DecodeLink(strings.NewReader(body)); got != good || err != nil {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	left := strings.Replace(string(text), `"relink":true`, `"relink":null`, 1)
	if got, err := DecodeLink(strings.NewReader(left)); err != nil || got.Relink {
		t.Errorf("%+v, %v", got, err)
	}
	for body, says := range map[string]string{
		"": "not JSON", "{": "not JSON", "[]": "a JSON object", "7": "a JSON object", "{}": "workerAddress must be a string",
		`{"WorkerAddress":"x"}`: "workerAddress must be",
		strings.Replace(string(text), `"timestamp":1785585600000`, `"timestamp":"1785585600000"`, 1): "timestamp must be an integer",
		strings.Replace(string(text), `"timestamp":1785585600000`, `"timestamp":1.5`, 1):             "timestamp must be an integer",
		strings.Replace(string(text), `"chainId":8453,`, ``, 1):                                      "chainId must be an integer",
		strings.Replace(string(text), `"relink":true`, `"relink":"true"`, 1):                         "relink must be true or false",
		strings.Replace(string(text), `"solanaAddress":"`, `"solanaAddress":9,"x":"`, 1):             "solanaAddress must be a string",
	} {
		if _, err := DecodeLink(strings.NewReader(body)); !errors.Is(err, ErrLink) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
