// Command bench prints the project's figures, one a line: name value unit
// target. Ratios are measured within one run, so that what else the machine
// does meets both sides. It starts what it needs, and ends with status 1 when
// a figure misses its target.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"text/tabwriter"

	"github.com/BlockRunAI/worker-network/functions/local/overhead"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain/gasbench"
)

// figure is one line; Max and Min are the target, at most and at least this;
// 0 is none.
type figure = gasbench.Figure

func main() {
	table := flag.Bool("costs", false, "print the table of docs/costs.md instead")
	workerOnly := flag.Bool("worker-table", false, "write the table of docs/worker.md instead")
	var p prices
	mb := flag.Int64("parse-mb", 1024, "how much of a spend log to parse for reputation.parse_speedup")
	flag.Float64Var(&p.GasGwei, "gas-gwei", 0.005, "price of a unit of gas, for -costs")
	flag.Float64Var(&p.EtherUSD, "ether-usd", 2800, "price of an ether, for -costs")
	flag.Float64Var(&p.FacilitatorUSD, "facilitator-usd", 0.001, "the facilitator's fee, for -costs")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Measures the project's figures and prints them, one a line: name value unit target. It takes minutes.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: unexpected %q; try --help\n", flag.Args())
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *table {
		if err := printCosts(ctx, os.Stdout, p); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if *workerOnly {
		if err := workerTable(ctx, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	missed, err := run(ctx, *mb, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d figures miss their target\n", missed)
		os.Exit(1)
	}
}

// run measures everything and prints it; missed is how many figures are
// beyond their target.
func run(ctx context.Context, parseMB int64, out, notes io.Writer) (missed int, err error) {
	var figures []figure
	for _, part := range []func(context.Context, io.Writer) ([]figure, error){verification, parseSpeedup(parseMB), roundTrips, firstAnswer, worker, gas} {
		f, err := part(ctx, notes)
		if err != nil {
			return 0, err
		}
		figures = append(figures, f...)
	}
	return show(out, figures)
}

func printCosts(ctx context.Context, out io.Writer, p prices) error {
	figures, err := gasbench.Measure(ctx)
	if err != nil {
		return err
	}
	return costs(out, figures, p)
}

func show(out io.Writer, figures []figure) (missed int, err error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range figures {
		target := "-"
		if f.Max > 0 {
			target = "<=" + number(f.Max)
		}
		if f.Min > 0 {
			target = ">=" + number(f.Min)
		}
		if f.Max > 0 && f.Value > f.Max || f.Value < f.Min {
			missed++
			target += " MISSED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Name, number(f.Value), f.Unit, target)
	}
	return missed, w.Flush()
}

// number has at most two decimals, and none that say nothing.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

func verification(context.Context, io.Writer) ([]figure, error) {
	ratio, err := overhead.VerifyOverhead()
	return []figure{{Name: "submit.verify_overhead", Value: ratio, Unit: "x", Max: 1.5}}, err
}

func gas(ctx context.Context, _ io.Writer) ([]figure, error) { return gasbench.Measure(ctx) }
