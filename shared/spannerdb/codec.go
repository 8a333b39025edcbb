package spannerdb

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// In Go the zero time, the empty string and the zero hash mean "not there";
// in the tables that is NULL.

func nullTime(t time.Time) spanner.NullTime {
	return spanner.NullTime{Time: t.UTC(), Valid: !t.IsZero()}
}

func timeOf(t spanner.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func nullString(s string) spanner.NullString {
	return spanner.NullString{StringVal: s, Valid: s != ""}
}

func nullInt(n int64) spanner.NullInt64 {
	return spanner.NullInt64{Int64: n, Valid: n != 0}
}

func addressText(a common.Address) string { return ledger.CanonicalAddress(a) }

// parseAddress reads what addressText wrote, and nothing else.
func parseAddress(s string) (common.Address, error) {
	b, err := parseHex(s, common.AddressLength)
	return common.BytesToAddress(b), err
}

func nullHash(h common.Hash) spanner.NullString {
	if h == (common.Hash{}) {
		return spanner.NullString{}
	}
	return nullString(hexText(h[:]))
}

// parseHash reads 0x and 64 lower-case hex digits; NULL is the zero hash.
func parseHash(s spanner.NullString) (common.Hash, error) {
	if !s.Valid {
		return common.Hash{}, nil
	}
	b, err := parseHex(s.StringVal, common.HashLength)
	return common.BytesToHash(b), err
}

func hexText(b []byte) string { return "0x" + hex.EncodeToString(b) }

// parseHex reads 0x and exactly size bytes in lower-case hex.
func parseHex(s string, size int) ([]byte, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != size || s != strings.ToLower(s) {
		return nil, fmt.Errorf("spannerdb: stored value %q is not 0x and %d lower-case hex digits", s, 2*size)
	}
	return b, nil
}
