package ledger

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// The nonces were computed apart from this code, from the definition of
// keccak-256. They never change: a changed nonce pays a payout a second time.
func TestPayoutNonceGolden(t *testing.T) {
	ones, twos := strings.Repeat("11", 20), strings.Repeat("22", 20)
	for _, v := range []struct {
		chain            int64
		treasury, worker string
		seq              int64
		want             string
	}{
		{8453, ones, twos, 1, "abd1399b5861529ea8cf4be1d69c85d6cc4939e112c67f1f724b7a5063d30e4f"},
		{84532, ones, twos, 1, "7b43982821017ec62f8bb779319efe38c12b4201157b12506b8235c187ded89c"},
		{8453, twos, ones, 1, "d0612f69507e9c1359982ffd8a19501b035dd33e3d138564938fa8cfef5c1281"},
		{8453, ones, twos, 2, "96d0722e425f0490306463f7eddc03b03006845fe1cd299094ef5198de2ac9a7"},
		{84532, strings.Repeat("00", 19) + "01", strings.Repeat("ff", 20), math.MaxInt64, "52dc9fac729035a5e0eaeed2261777b80b61725a8d9be3ddedaab194177d2d56"},
		{8453, "036cbd53842c5426634e7929541ec2318f3dcf7e", "f86e5516096d5ee5a2e927ec9c014b31c50f1e0c", 17, "89b6579a7d2f3db87761d860712b950c328953b56048dc0681718528ec7fbd9e"},
	} {
		got := PayoutNonce(v.chain, common.HexToAddress(v.treasury), PayoutID{common.HexToAddress(v.worker), v.seq})
		if got != common.HexToHash(v.want) {
			t.Errorf("PayoutNonce(%d, %s, %s-%d) = %s, want %s", v.chain, v.treasury, v.worker, v.seq, got, v.want)
		}
	}
}

// Digests from coreutils' sha256sum.
func TestResultsHashGolden(t *testing.T) {
	for _, v := range []struct {
		ids  []string
		want string
	}{
		{nil, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{[]string{"aa"}, "961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506"},
		{[]string{"cc", "aa", "bb"}, "4b159a443cb703cce0bb0da31a85eca1373af1c00e24e15d02fc7f55386aa063"},
	} {
		before := slices.Clone(v.ids)
		if got := ResultsHash(v.ids); got != v.want {
			t.Errorf("ResultsHash(%q) = %s, want %s", v.ids, got, v.want)
		}
		if !slices.Equal(v.ids, before) {
			t.Errorf("ResultsHash left %q, was given %q", v.ids, before)
		}
	}
}

func TestPayoutIDIsReadAsItIsWritten(t *testing.T) {
	id := PayoutID{common.HexToAddress("0xF86E5516096D5EE5A2E927EC9C014B31C50F1E0C"), 17}
	const text = "0xf86e5516096d5ee5a2e927ec9c014b31c50f1e0c-17"
	if id.String() != text {
		t.Errorf("String = %q, want %q", id, text)
	}
	if got, err := ParsePayoutID(text); got != id || err != nil {
		t.Errorf("ParsePayoutID = %v, %v", got, err)
	}
	addr := text[:42]
	for _, bad := range []string{
		"", "-", "-1", addr, addr + "-", addr + "-0", addr + "--1", addr + "-+1", addr + "-01", addr + "-1 ", " " + text,
		addr + "-1-1", addr + "-0x1", addr + "-9223372036854775808", addr[2:] + "-1", addr[:41] + "-1", addr + "0-1",
		"0X" + addr[2:] + "-1", strings.ToUpper(addr) + "-1", "0xF" + addr[3:] + "-1", "0xg" + addr[3:] + "-1", addr + "-１",
	} {
		if got, err := ParsePayoutID(bad); err == nil {
			t.Errorf("ParsePayoutID(%q) = %v; want an error", bad, got)
		}
	}
}

func FuzzPayoutID(f *testing.F) {
	for _, s := range []string{"0xf86e5516096d5ee5a2e927ec9c014b31c50f1e0c-17", "0x0000000000000000000000000000000000000000-9223372036854775807", "0xF86E5516096d5ee5a2e927ec9c014b31c50f1e0c-1", "-1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParsePayoutID(s)
		if err != nil {
			if id != (PayoutID{}) {
				t.Errorf("ParsePayoutID(%q) = %v besides %v", s, id, err)
			}
			return
		}
		if id.String() != s || id.Seq < 1 {
			t.Errorf("ParsePayoutID(%q) = %v", s, id)
		}
	})
}

func TestCanonicalAddressIsOneSpelling(t *testing.T) {
	const want = "0xf86e5516096d5ee5a2e927ec9c014b31c50f1e0c"
	for _, s := range []string{want, "0xf86e5516096d5EE5a2E927ec9C014B31C50f1E0C", strings.ToUpper(want[2:])} {
		if got := CanonicalAddress(common.HexToAddress(s)); got != want {
			t.Errorf("CanonicalAddress(%s) = %s", s, got)
		}
	}
}
