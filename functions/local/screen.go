package main

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

type screenOptions struct {
	tasks  []schedule.Task
	funded []common.Address
	took   time.Duration
}

// screen says where everything is, and how to join from a second terminal.
func screen(out io.Writer, n *network.Network, o screenOptions) {
	chain := "of this network, lost when it stops"
	if !n.Money.Local {
		chain = "from BASE_RPC_URL"
	}
	var b strings.Builder
	line := func(name, value, note string) {
		fmt.Fprintf(&b, "  %-12s %s", name, value)
		if note != "" {
			fmt.Fprintf(&b, "   %s", note)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nThe BlockRun worker network is up (%.1f s).\n\n", o.took.Seconds())
	line("API", n.API, "")
	line("Chain RPC", n.Money.PublicRPC(), fmt.Sprintf("chain id %d, %s", n.Money.ChainID, chain))
	line("Treasury", n.Money.Treasury.Hex(), "")
	line("USDC", n.Money.Token.Hex(), "")
	line("Log", n.Money.LogAddress.Hex(), "receipts, sent by "+n.Money.LogSender.Hex())
	line("Facilitator", n.Facilitator, "")
	if n.Money.Relayer != (common.Address{}) {
		line("Relayer", n.Money.Relayer.Hex(), "settles when the facilitator does not")
	}
	line("Storage", n.Storage, "accepted results: "+n.Storage+"/storage/v1/b/result-log/o")
	line("Database", n.Spanner, "")
	line("Tasks", fmt.Sprint(n.Tasks), names(o.tasks))
	for _, a := range o.funded {
		line("Funded", a.Hex(), "")
	}
	b.WriteString("\nIn a second terminal:\n\n")
	fmt.Fprintf(&b, "  export BLOCKRUN_API_BASE=%s\n", n.API)
	b.WriteString("  go run ./worker-cli wallet new      # once, if you have no wallet\n")
	b.WriteString("  go run ./worker-cli run" + workerFlags(o.tasks) + "\n")
	b.WriteString("\nAnybody can audit what is paid:\n\n  " + auditCommand(n) + "\n")
	b.WriteString("\nWhat an operator does (go run ./functions/ops --help):\n\n  " + operatorCommand(n) + "\n")
	b.WriteString("\nCtrl-C stops everything.\n")
	_, _ = io.WriteString(out, b.String())
}

// auditCommand verifies all that this network pays, from the chain and the
// result log alone.
func auditCommand(n *network.Network) string {
	rpc := n.Money.RPC
	if !n.Money.Local {
		rpc = "$BASE_RPC_URL" // it may hold a provider's key
	}
	return fmt.Sprintf(`go run ./worker-cli audit --rpc %s --chain-id %d --from %d \
    --treasury %s --usdc %s \
    --log-address %s --sender %s \
    --results %s/result-log`,
		rpc, n.Money.ChainID, n.Money.Since, n.Money.Treasury.Hex(), n.Money.Token.Hex(), n.Money.LogAddress.Hex(), n.Money.LogSender.Hex(), n.Storage)
}

// operatorCommand sets what the operator's command is configured by, and asks
// for one thing.
func operatorCommand(n *network.Network) string {
	var b strings.Builder
	set := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "export %s=%s\n  ", name, value)
		}
	}
	set("SPANNER_EMULATOR_HOST", os.Getenv("SPANNER_EMULATOR_HOST"))
	set("SPANNER_DATABASE", n.Database)
	set("CHAIN_ID", fmt.Sprint(n.Money.ChainID))
	if n.Money.Local { // another one's URL may hold a provider's key
		set("BASE_RPC_URL", n.Money.RPC)
		set("RECONCILE_LAG", "30s")
	}
	set("USDC_ADDRESS", n.Money.Token.Hex())
	set("TREASURY_ADDRESS", n.Money.Treasury.Hex())
	set("LOG_SENDER_ADDRESSES", n.Money.LogSender.Hex())
	set("BLOCKRUN_LOG_ADDRESS", n.Money.LogAddress.Hex())
	set("STORAGE_EMULATOR_HOST", strings.TrimPrefix(n.Storage, "http://"))
	set("RESULT_LOG_BUCKET", "result-log")
	if n.Money.Relayer != (common.Address{}) {
		set("RELAYER_ADDRESS", n.Money.Relayer.Hex())
	}
	return b.String() + "go run ./functions/ops payouts status"
}

func names(tasks []schedule.Task) string {
	const most = 4
	var ids []string
	for _, t := range tasks {
		ids = append(ids, t.ID)
	}
	if len(ids) > most {
		return strings.Join(ids[:most], ", ") + ", ..."
	}
	return strings.Join(ids, ", ")
}

// workerFlags are what a worker must be told before it carries out these
// tasks: it touches no private address, and no unusual port, unless its owner
// says so.
func workerFlags(tasks []schedule.Task) string {
	var flags strings.Builder
	usual, local := []string{"", "80", "443", "8080", "8443"}, false
	for _, t := range tasks {
		u, err := url.Parse(t.URL)
		if err != nil {
			continue
		}
		local = local || private(u.Hostname())
		if port := u.Port(); !slices.Contains(usual, port) {
			usual = append(usual, port)
			flags.WriteString(" --allow-port " + port)
		}
	}
	if local {
		flags.WriteString(" --allow-private")
	}
	return flags.String()
}

func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified())
}
