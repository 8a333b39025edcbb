// Command spendlog writes logs of LLM calls of any size into a folder, as they
// would lie in the bucket:
//
//	go run ./functions/local/spendlog -dir /tmp/logs -days 7 -mb 100 -gzip
//
// The same flags give the same bytes.
package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spendlog"
)

func main() {
	dir := flag.String("dir", "", "folder to write into; needed")
	first := flag.String("first", "2026-08-01", "first day")
	days := flag.Int("days", 1, "how many days")
	parts := flag.Int("parts", 0, "part files a day; 0 is one file")
	mb := flag.Int64("mb", 1, "MB a file, before gzip")
	gz := flag.Bool("gzip", false, "write .jsonl.gz")
	var o spendlog.Options
	flag.Uint64Var(&o.Seed, "seed", 1, "of the random numbers")
	flag.IntVar(&o.Wallets, "wallets", 1000, "how many wallets pay")
	flag.IntVar(&o.Trouble, "trouble", 0, "how many lines of a thousand are unusual or broken")
	flag.Parse()
	day, err := time.Parse(time.DateOnly, *first)
	if err == nil && *dir == "" {
		err = errors.New("say where to write: -dir FOLDER")
	}
	for d := 0; err == nil && d < *days; d++ {
		o.Day = day.AddDate(0, 0, d)
		for part := min(1, *parts); err == nil && part <= *parts; part++ {
			o.Seed++
			err = write(filepath.Join(*dir, spendlog.Name(o.Day, part, *gz)), o, *mb<<20, *gz)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "spendlog:", err)
		os.Exit(1)
	}
}

func write(path string, o spendlog.Options, size int64, gz bool) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	var w io.Writer = out
	var z *gzip.Writer
	if gz {
		z = gzip.NewWriter(out)
		w = z
	}
	if _, err := spendlog.New(o).Write(w, size); err != nil {
		return err
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return err
		}
	}
	fmt.Println(path)
	return out.Flush()
}
