package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spendlog"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

const (
	// parseBlock is what the two readers take turns at, so that what else the
	// machine does meets both.
	parseBlock = 32 << 20
	// minSpeedup is the target of reputation.parse_speedup.
	minSpeedup = 5
)

// parseSpeedup reads mb MB of generated spend log, block by block, in two
// ways on one core: as RefreshReputation does, to the wallets' totals, and
// with encoding/json into a struct of the two fields, adding nothing up.
// The figure is the median of the blocks' ratios of CPU time.
func parseSpeedup(mb int64) func(context.Context, io.Writer) ([]figure, error) {
	return func(ctx context.Context, notes io.Writer) ([]figure, error) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		g := spendlog.New(spendlog.Options{Seed: 1})
		var block bytes.Buffer
		var ratios []float64
		var quick, slow time.Duration
		var size int64
		for left := mb << 20; left > 0 && ctx.Err() == nil; left -= parseBlock {
			block.Reset()
			n, err := g.Write(&block, min(left, parseBlock))
			if err != nil {
				return nil, err
			}
			q, lines, err := readQuickly(block.Bytes())
			if err != nil {
				return nil, err
			}
			s, err := readSlowly(block.Bytes(), lines)
			if err != nil {
				return nil, err
			}
			size, quick, slow = size+n, quick+q, slow+s
			ratios = append(ratios, s.Seconds()/q.Seconds())
		}
		if len(ratios) == 0 {
			return nil, errors.Join(errors.New("bench: nothing to parse"), ctx.Err())
		}
		slices.Sort(ratios)
		fmt.Fprintf(notes, "parse: %d MB; to totals %.0f MB/s, encoding/json into a struct %.0f MB/s\n",
			size>>20, float64(size)/1e6/quick.Seconds(), float64(size)/1e6/slow.Seconds())
		return []figure{{Name: "reputation.parse_speedup", Value: ratios[len(ratios)/2], Unit: "x", Min: minSpeedup}}, ctx.Err()
	}
}

func readQuickly(log []byte) (took time.Duration, lines int64, err error) {
	runtime.GC()
	begin := cpuTime()
	r := reputation.DefaultAdapter().NewReader(bytes.NewReader(log), 0)
	t, last, err := r.Read(reputation.Limit{Bytes: 1 << 62, Wallets: 1 << 30})
	took = cpuTime() - begin
	if err == nil && (!last || t.Broken > 0) {
		err = fmt.Errorf("bench: the generated log was not read to its end: %d broken lines", t.Broken)
	}
	if err != nil {
		return 0, 0, err
	}
	return took, t.Lines, nil
}

// paid is the least that totals need of a line.
type paid struct {
	Wallet string      `json:"wallet"`
	Cost   json.Number `json:"cost"`
}

func readSlowly(log []byte, lines int64) (time.Duration, error) {
	runtime.GC()
	begin := cpuTime()
	for in := bufio.NewScanner(bytes.NewReader(log)); in.Scan(); lines-- {
		var c paid
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			return 0, err
		}
	}
	if lines != 0 {
		return 0, fmt.Errorf("bench: the two readers differ by %d lines", lines)
	}
	return cpuTime() - begin, nil
}
