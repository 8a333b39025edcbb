package wallet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

func TestMnemonic(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mnemonic")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("test test test test test test test test test test test junk\r\n")
	m, err := FindMnemonic(file)
	if err != nil {
		t.Fatal(err)
	}
	if m.EVM.Address != "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" || m.SolanaAddress != "oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96" || m.Source != file || m.Warning != "" {
		t.Errorf("%s %s from %s, %q", m.EVM, m, m.Source, m.Warning)
	}
	now := time.UnixMilli(1_785_585_600_000)
	l := api.Link{ChainID: 8453, Timestamp: now.UnixMilli()}
	if err := m.SignLink(&l, m.EVM); err != nil {
		t.Fatal(err)
	}
	if _, err := api.VerifyLink(l, 8453, now); err != nil {
		t.Error(err)
	}
	for _, shown := range []string{fmt.Sprint(m), fmt.Sprintf("%v %+v %#v %s %q", m, m, m, m, m), m.LogValue().String()} {
		if strings.Contains(shown, "test") || !strings.Contains(shown, m.SolanaAddress) || len(shown) > 300 {
			t.Errorf("it prints as %s", shown)
		}
	}
	write(strings.Repeat("test ", maxFile/5+1))
	if _, err := FindMnemonic(file); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a long file: %v", err)
	}
}
