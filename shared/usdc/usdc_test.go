package usdc

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// The separators are those of Circle's contracts, as both answer to
// DOMAIN_SEPARATOR().
func TestSeparators(t *testing.T) {
	for id, want := range map[int64]string{
		Base:        "0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f",
		BaseSepolia: "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818",
	} {
		n, ok := ByChainID(id)
		if !ok {
			t.Fatalf("chain %d is unknown", id)
		}
		if got := n.Domain().Separator(); got != common.HexToHash(want) {
			t.Errorf("%s: separator %s, want %s", n.Name, got, want)
		}
		if n.Domain().Network() != n.Name {
			t.Errorf("%s: domain says %s", n.Name, n.Domain().Network())
		}
	}
}

func TestEveryFieldOfTheDomainCounts(t *testing.T) {
	n, _ := ByChainID(BaseSepolia)
	base := n.Domain()
	seen := map[common.Hash]string{base.Separator(): "unchanged"}
	for field, change := range map[string]func(*Domain){
		"name":     func(d *Domain) { d.Name = "USD Coin" },
		"version":  func(d *Domain) { d.Version = "1" },
		"chain id": func(d *Domain) { d.ChainID = Base },
		"contract": func(d *Domain) { d.Contract = n.WithToken(common.Address{1}).Token },
	} {
		d := base
		change(&d)
		if was, twice := seen[d.Separator()]; twice {
			t.Errorf("changing the %s leaves the separator of %q", field, was)
		}
		seen[d.Separator()] = field
	}
}

func TestUnknownChain(t *testing.T) {
	if n, ok := ByChainID(1); ok {
		t.Errorf("chain 1 is not ours, got %+v", n)
	}
}

func TestParseCAIP2(t *testing.T) {
	for _, n := range networks {
		if id, err := ParseCAIP2(n.Name); err != nil || id != n.ChainID {
			t.Errorf("%s: got %d, %v", n.Name, id, err)
		}
	}
	for _, bad := range []string{"", "base", "8453", "eip155:", "eip155:0", "eip155:-1", "eip155:08453", "eip155:+1", "EIP155:1", "eip155:1 ", "eip155:99999999999999999999", "solana:1"} {
		if id, err := ParseCAIP2(bad); err == nil {
			t.Errorf("%q: read as %d", bad, id)
		}
	}
}
