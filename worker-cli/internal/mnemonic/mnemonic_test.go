package mnemonic

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/tyler-smith/go-bip39"

	"github.com/BlockRunAI/worker-network/shared/api"
)

const (
	testJunk     = "test test test test test test test test test test test junk"
	abandonAbout = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)

// The addresses that wallets in the field show for well-known mnemonics.
func TestDerive(t *testing.T) {
	for _, c := range []struct{ words, evm, solana string }{
		{testJunk, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96"},
		{"  Test test TEST test\ttest test test test\r\ntest test test junk\n", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96"},
		{abandonAbout, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"},
	} {
		k, err := Derive(c.words)
		if err != nil {
			t.Fatal(err)
		}
		evm, solana := crypto.PubkeyToAddress(k.EVM.PublicKey).Hex(), api.SolanaAddress(k.Solana.Public().(ed25519.PublicKey))
		if evm != c.evm || solana != c.solana {
			t.Errorf("%s: %s and %s, want %s and %s", c.words, evm, solana, c.evm, c.solana)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); text != "keys keys keys keys" {
			t.Error("keys are printed")
		}
	}
}

func TestDeriveRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                           "it has 0 words",
		strings.Repeat("test ", 11):  "it has 11 words",
		strings.Repeat("test ", 27):  "it has 27 words",
		strings.Repeat("test ", 12):  "checksum",
		"secretword" + testJunk[4:]:  "word 1 is not in",
		abandonAbout + " " + "about": "it has 13 words",
	} {
		_, err := Derive(text)
		if !errors.Is(err, ErrMnemonic) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secretword") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// BIP-39's own vector, with the passphrase of its test suite.
func TestSeed(t *testing.T) {
	seed := bip39.NewSeed(abandonAbout, "TREZOR")
	if got := hex.EncodeToString(seed); got != "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04" {
		t.Errorf("seed %s", got)
	}
}

// SLIP-0010's test vectors 1 and 2, and BIP-32's 3 and 4, whose keys begin
// with zeros.
func TestVectors(t *testing.T) {
	const (
		one   = "000102030405060708090a0b0c0d0e0f"
		two   = "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
		three = "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be"
		four  = "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678"
	)
	for _, v := range []struct {
		c          curve
		seed       string
		path       []uint32
		key, chain string
	}{
		{ed25519Curve, one, nil, "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7", "90046a93de5380a72b5e45010748567d5ea02bbf6522f979e05c0d8d8ca9fffb"},
		{ed25519Curve, one, []uint32{hardened}, "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3", "8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69"},
		{ed25519Curve, one, []uint32{hardened, hardened + 1, hardened + 2, hardened + 2, hardened + 1000000000}, "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793", "68789923a0cac2cd5a29172a475fe9e0fb14cd6adb5ad98a3fa70333e7afa230"},
		{ed25519Curve, two, nil, "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012", "ef70a74db9c3a5af931b5fe73ed8e1a53464133654fd55e7a66f8570b8e33c3b"},
		{secp256k1Curve, one, nil, "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35", "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508"},
		{secp256k1Curve, one, []uint32{hardened}, "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea", "47fdacbd0f1097043b78c63c20c34ef4ed9a111d980047ad16282c7ae6236141"},
		{secp256k1Curve, one, []uint32{hardened, 1}, "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368", "2a7857631386ba23dacac34180dd1983734e444fdbf774041578e9b6adb37c19"},
		{secp256k1Curve, one, []uint32{hardened, 1, hardened + 2, 2, 1000000000}, "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8", "c783e67b921d2beb8f6b389cc646d7263b4145701dadd2161548a8b078e65e9e"},
		{secp256k1Curve, three, []uint32{hardened}, "491f7a2eebc7b57028e0d3faa0acda02e75c33b03c48fb288c41e2ea44e1daef", "e5fea12a97b927fc9dc3d2cb0d1ea1cf50aa5a1fdc1f933e8906bb38df3377bd"},
		{secp256k1Curve, three, nil, "00ddb80b067e0d4993197fe10f2657a844a384589847602d56f0c629c81aae32", "01d28a3e53cffa419ec122c968b3259e16b65076495494d97cae10bbfec3c36f"},
		{secp256k1Curve, four, []uint32{hardened, hardened + 1}, "3a2086edd7d9df86c3487a5905a1712a9aa664bce8cc268141e07549eaa8661d", "a48ee6674c5264a237703fd383bccd9fad4d9378ac98ab05e6e7029b06360c0d"},
	} {
		seed, err := hex.DecodeString(v.seed)
		if err != nil {
			t.Fatal(err)
		}
		n := v.c.derive(seed, v.path...)
		if key, chain := hex.EncodeToString(n.key[:]), hex.EncodeToString(n.chain[:]); key != v.key || chain != v.chain {
			t.Errorf("%s %s %v: key %s, chain %s, want %s, %s", v.c.seedKey, v.seed[:8], v.path, key, chain, v.key, v.chain)
		}
	}
}

// A digest that is no key, which chance will not show, is passed over.
func TestDigestsThatAreNoKeys(t *testing.T) {
	small := secp256k1Curve
	small.order = new(big.Int).Lsh(big.NewInt(1), 254) // three of four digests are too great
	seed := []byte("any seed of enough bytes will do")
	first := secp256k1Curve.derive(seed)
	for i := range uint32(50) {
		n := small.derive(append(seed, byte(i)), i)
		if k := new(big.Int).SetBytes(n.key[:]); k.Cmp(small.order) >= 0 || k.Sign() == 0 || n == first {
			t.Fatalf("seed %d gives %x", i, n.key)
		}
	}
	if _, ok := secp256k1Curve.child([32]byte{}, [32]byte{}); ok {
		t.Error("zero is taken for a key")
	}
	n := secp256k1Curve.order.FillBytes(make([]byte, 32))
	if _, ok := secp256k1Curve.child([32]byte{31: 1}, [32]byte(n)); ok {
		t.Error("the group's order is added to a key")
	}
}
