package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/bench/coldstart"
	"github.com/BlockRunAI/worker-network/shared/localcloud/emulator"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

const (
	maxStart     = 1.3  // times a bare functions-framework program
	maxOverFloor = 1.25 // times the floor; how a program lies in memory alone makes a tenth
	starts       = 40   // of each program
)

// firstAnswer times a cold GetTasks against a bare functions-framework program.
// The target is on the first answer that the function can give by itself, 400
// for a missing address: that is what this code and what it links cost. Beside
// it stand the floor, which is a bare program that links the Spanner client and
// uses nothing of it (docs/cloud.md says why the target is below it), and a
// worker's first answer, which waits for a database, too, whose time is the
// emulator's here.
func firstAnswer(ctx context.Context, notes io.Writer) (_ []figure, err error) {
	dir, err := os.MkdirTemp("", "start-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(notes, "building GetTasks as it is deployed, and bare programs")
	built, err := coldstart.Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	host, database, stop, err := emptyDatabase(ctx, notes)
	if err != nil {
		return nil, err
	}
	defer stop()
	hello := coldstart.Program{Path: built.Hello, Env: []string{"FUNCTION_TARGET=Hello"}, Ask: "/", Want: 200}
	floor := hello
	floor.Path = built.Floor
	cold := coldstart.Program{Path: built.Network, Ask: "/v1/worker/tasks", Want: 400, Env: []string{
		"FUNCTION_TARGET=GetTasks", "SPANNER_DATABASE=" + database, emulator.HostVariable + "=" + host,
	}}
	first, err := coldstart.Compare(ctx, starts, hello, floor, cold)
	if err != nil {
		return nil, err
	}
	cold.Ask, cold.Want = "/v1/worker/tasks?address=0x0000000000000000000000000000000000000001", 200
	tasks, err := coldstart.Compare(ctx, starts/4, hello, cold)
	if err != nil {
		return nil, err
	}
	return []figure{
		{Name: "start.first_answer_ratio", Value: ratio(first[2], first[0]), Unit: "x", Max: maxStart},
		{Name: "start.floor_ratio", Value: ratio(first[1], first[0]), Unit: "x"},
		{Name: "start.over_floor_ratio", Value: ratio(first[2], first[1]), Unit: "x", Max: maxOverFloor},
		{Name: "start.first_answer", Value: milliseconds(first[2]), Unit: "ms"},
		{Name: "start.first_tasks_ratio", Value: ratio(tasks[1], tasks[0]), Unit: "x"},
	}, nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// emptyDatabase is one of its own on an emulator.
func emptyDatabase(ctx context.Context, notes io.Writer) (host, name string, stop func(), err error) {
	em, err := emulator.Start(ctx, emulator.Options{Notice: func(line string) { fmt.Fprintln(notes, line) }})
	if err != nil {
		return "", "", nil, err
	}
	ddl, err := spannerddl.Statements()
	id := "start-" + strconv.Itoa(os.Getpid())
	if err == nil {
		err = emulator.CreateDatabase(ctx, em.Host, "bench", "bench", id, ddl)
	}
	if err != nil {
		em.Stop()
		return "", "", nil, err
	}
	name = emulator.DatabaseName("bench", "bench", id)
	return em.Host, name, func() {
		_ = emulator.DropDatabase(context.WithoutCancel(ctx), em.Host, name) // it ends with its emulator, if not with this
		em.Stop()
	}, nil
}
