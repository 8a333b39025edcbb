package reputation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// LogName is one log of LLM calls: a day's, or a part of a day's. A log may lie
// in the bucket plain or gzipped; it is the same log.
type LogName struct {
	Name string // the object's, without .gz
	Day  string // YYYY-MM-DD
}

// logObject is llm-calls/YYYY-MM-DD.jsonl, or a part file under
// llm-calls/YYYY-MM-DD/; each may end in .gz (product.md, Reputation).
var logObject = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(llm-calls/(\d{4}-\d{2}-\d{2})(?:/[^/]+)?\.jsonl)(\.gz)?$`)
})

// LogPrefix is what every log's object begins with.
const LogPrefix = "llm-calls/"

// ParseLogName says which log an object holds; ok is false for any other
// object.
func ParseLogName(object string) (name LogName, gzipped, ok bool) {
	m := logObject().FindStringSubmatch(object)
	if m == nil {
		return LogName{}, false, false
	}
	return LogName{Name: m[1], Day: m[2]}, m[3] != "", true
}

// ID names the log where names are long: the beginning of SHA-256, hex.
func (n LogName) ID() string {
	sum := sha256.Sum256([]byte(n.Name))
	return hex.EncodeToString(sum[:16])
}

// Edition is what was read of a log: of one generation of its object, by one
// way of reading. Version numbers a log's editions from 1; 0 is none.
type Edition struct {
	Version    int64
	Generation int64  // of the object; 0: the log is gone, and counts for nothing
	Reader     string // Adapter.Fingerprint and the limit of pieces
	Offset     int64  // bytes read so far, after gzip
	Pieces     int64  // stored so far
	Done       bool   // the log was read to its end
	Count      Count
}

// SpendLog is where a log stands: what counts, and what was read of a newer
// edition and will take its place.
type SpendLog struct {
	LogName
	Counted Edition
	Staged  Edition
	// Replaced is the version that Counted took the place of, while wallets'
	// totals may still hold it; nil when they are right.
	Replaced *int64
}

// Is reports that e is the whole of a generation, read in this way.
func (e Edition) Is(generation int64, reader string) bool {
	return e.Version > 0 && e.Done && e.Generation == generation && e.Reader == reader
}

// Stage is the edition to go on with, to count this generation: what is staged
// of it already, or a new one.
func (l SpendLog) Stage(generation int64, reader string) Edition {
	if s := l.Staged; s.Version > 0 && s.Generation == generation && s.Reader == reader {
		return s
	}
	return Edition{Version: max(l.Counted.Version, l.Staged.Version) + 1, Generation: generation, Reader: reader}
}

// Fingerprint changes when the adapter reads logs in another way, so that what
// was counted is read again.
func (a Adapter) Fingerprint(l Limit) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1 %q %q %q %v", a.Wallet, a.Cost, a.Failed, l))
	return hex.EncodeToString(sum[:8])
}

// WalletTotal is a wallet's part in a piece of a log, or in a day.
type WalletTotal struct {
	Wallet string
	Total  NanoUSD
}

// Sorted are the totals by wallet.
func (t *Tally) Sorted() []WalletTotal {
	out := make([]WalletTotal, 0, len(t.totals))
	for _, w := range slices.SortedFunc(maps.Keys(t.totals), strings.Compare) {
		out = append(out, WalletTotal{w, *t.totals[w]})
	}
	return out
}
