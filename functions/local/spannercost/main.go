// Command spannercost prints docs/spanner-cost.md: what a million checks cost
// in Spanner, from what polls and submissions are counted to read and write.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/BlockRunAI/worker-network/shared/localcloud/emulator"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

func main() {
	var p prices
	flag.Float64Var(&p.NodeHourUSD, "node-hour-usd", 0.90, "price of 1000 processing units for an hour")
	flag.Float64Var(&p.Utilisation, "utilisation", 0.65, "how much of its capacity an instance is to be used")
	flag.Float64Var(&p.Won, "won", 0.86, "share of the assignments whose results are accepted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Stderr, p); err != nil {
		fmt.Fprintln(os.Stderr, "spannercost:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, notes io.Writer, p prices) (err error) {
	em, err := emulator.Start(ctx, emulator.Options{Notice: func(line string) { fmt.Fprintln(notes, line) }})
	if err != nil {
		return err
	}
	defer em.Stop()
	if err := os.Setenv(emulator.HostVariable, em.Host); err != nil {
		return err
	}
	ddl, err := spannerddl.Statements()
	if err != nil {
		return err
	}
	database := fmt.Sprintf("cost-%d", os.Getpid())
	if err := emulator.CreateDatabase(ctx, em.Host, "cost", "cost", database, ddl); err != nil {
		return err
	}
	name := emulator.DatabaseName("cost", "cost", database)
	defer func() {
		err = errors.Join(err, emulator.DropDatabase(context.WithoutCancel(ctx), em.Host, name))
	}()
	var work spannertest.Work
	db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: name, TaskShards: 4}, work.Options()...)
	if err != nil {
		return err
	}
	defer db.Close()
	var loads []load
	for _, size := range []int{1, 3, 10} {
		l, err := count(ctx, db, &work, size)
		if err != nil {
			return err
		}
		loads = append(loads, l)
	}
	return page(out, loads, p)
}
