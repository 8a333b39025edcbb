package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/taskfile"
)

type runCommand struct {
	Port            int           `default:"8080" help:"Port of the worker API."`
	RPCPort         int           `name:"rpc-port" default:"8545" help:"Port of the local chain's JSON-RPC."`
	FacilitatorPort int           `default:"0" help:"Port of the local x402 facilitator; 0 takes any free one."`
	Fund            []string      `placeholder:"0xADDRESS" help:"Give this address ETH and USDC on the local chain. Can be repeated."`
	SecondRail      bool          `name:"second-rail" help:"Let ProcessPayout settle with a relayer of its own when the facilitator refuses or is down."`
	Tasks           string        `type:"existingfile" placeholder:"FILE" help:"Load these tasks (YAML or JSON) instead of the pilot's; see shared/taskfile/pilot.yaml."`
	AllowPrivate    bool          `name:"allow-private" help:"Take tasks whose targets are on this machine or its network, on any port. Workers check them with --allow-private only."`
	SweepEvery      time.Duration `default:"15s" help:"How often what got stuck is looked for; a minute in production."`
}

// Help is shown below the flags.
func (runCommand) Help() string {
	return `BASE_RPC_URL, USDC_ADDRESS, X402_FACILITATOR_URL and SPANNER_EMULATOR_HOST, when set, replace the local part with that one.`
}

// Run starts the network, prints the screen, and waits.
func (c runCommand) Run(ctx context.Context, t terminal) error {
	if c.SweepEvery <= 0 {
		return fmt.Errorf("--sweep-every is %v; set a second or more", c.SweepEvery)
	}
	tasks, err := c.tasks()
	if err != nil {
		return err
	}
	fund, err := parseFund(c.Fund)
	if err != nil {
		return err
	}
	began := time.Now()
	n, err := network.Start(ctx, network.Options{
		Port: c.Port, RPCPort: c.RPCPort, FacilitatorPort: c.FacilitatorPort,
		Tasks: tasks, Fund: fund, SecondRail: c.SecondRail, SweepEvery: c.SweepEvery, Log: t.log,
		Settings: map[string]string{"LOG_LEVEL": t.level.String()},
		Notice:   func(line string) { fmt.Fprintln(t.out, line) },
	})
	if ctx.Err() != nil {
		fmt.Fprintln(t.out, "Stopped before it was up.")
		return errInterrupted
	}
	if err != nil {
		return err
	}
	screen(t.out, n, screenOptions{tasks: tasks, funded: fund, took: time.Since(began)})
	var failed error
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.out, "\nStopping...")
	case failed = <-n.Failed():
	}
	err = n.Stop()
	if failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	fmt.Fprintln(t.out, "Stopped. Nothing is left running.")
	return nil
}

func (c runCommand) tasks() ([]schedule.Task, error) {
	if c.Tasks == "" {
		return taskfile.Pilot()
	}
	text, err := os.ReadFile(c.Tasks)
	if err != nil {
		return nil, fmt.Errorf("--tasks: %w", err)
	}
	parse := taskfile.Parse
	if c.AllowPrivate {
		parse = taskfile.ParseLocal
	}
	tasks, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("--tasks %s: %w", c.Tasks, err)
	}
	return tasks, nil
}

func parseFund(list []string) ([]common.Address, error) {
	var out []common.Address
	for _, text := range list {
		a, err := api.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("--fund %s: %w", text, err)
		}
		out = append(out, a)
	}
	return out, nil
}
