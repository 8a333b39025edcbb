package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// checkSettings refuses at the start what a function would refuse on its first
// request, and then on every one: in the cloud that shows as a failed function,
// here it would be a network that is up and answers nothing.
func checkSettings(ctx context.Context, env environment) error {
	lookup := func(name string) (string, bool) {
		if value, ours := env[name]; ours {
			return value, value != ""
		}
		return os.LookupEnv(name)
	}
	var lines []string
	for _, c := range configurations() {
		err := config.Load(ctx, lookup, c)
		if err == nil {
			continue
		}
		for line := range strings.Lines(strings.TrimPrefix(err.Error(), "config: ")) {
			if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New("the environment holds what the functions cannot work with:\n  " + strings.Join(lines, "\n  "))
}

// configurations has an empty one of each function's; they are called as it is.
func configurations() []interface{ Validate() error } {
	return []interface{ Validate() error }{
		&config.GetTasks{}, &config.SubmitResults{}, &config.WorkerStatus{}, &config.LinkWallet{}, &config.ProcessPayout{},
		&config.RefreshReputation{}, &config.Sweep{}, &config.Reconcile{},
	}
}

// checkFacilitator asks a facilitator that is not ours whether it settles on
// this chain. Here somebody waits in front of the screen, so one that does not
// answer is an error; in production payouts wait until it does.
func checkFacilitator(ctx context.Context, getenv func(string) string, chainID int64) error {
	o := x402.Options{URL: getenv("X402_FACILITATOR_URL")}
	if id := getenv("CDP_API_KEY_ID"); id != "" {
		auth, err := x402.NewCDP(id, getenv("CDP_API_KEY_SECRET"), time.Now)
		if err != nil {
			return fmt.Errorf("CDP_API_KEY_SECRET: %w", err)
		}
		o.Auth = auth
	}
	c, err := x402.NewClient(o)
	if err != nil {
		return fmt.Errorf("X402_FACILITATOR_URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	answer, err := c.Supported(ctx)
	if err != nil {
		return fmt.Errorf("the facilitator at X402_FACILITATOR_URL: %w (start it, or unset the variable for a local one)", err)
	}
	if name := usdc.CAIP2(chainID); !answer.Settles(name) {
		return fmt.Errorf("the facilitator at X402_FACILITATOR_URL does not settle x402 version 2, scheme exact, on %s; use one that does, or unset the variable for a local one", name)
	}
	return nil
}
