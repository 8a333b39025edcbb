package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

type walletLinkCmd struct {
	API          string `placeholder:"URL" default:"https://blockrun.ai/api" env:"BLOCKRUN_API_BASE" help:"The network's API."`
	Network      string `placeholder:"NAME" default:"base" enum:"base,base-sepolia" help:"Where the network pays: base, or base-sepolia for a test network. It is signed."`
	MnemonicFile string `placeholder:"FILE" type:"path" help:"ClawRouter's words, instead of ~/.openclaw/blockrun/mnemonic. They do not leave this machine."`
	Wallet       string `placeholder:"FILE" type:"path" help:"The worker's wallet file, instead of ~/.openclaw/blockrun/wallet.key."`
	OtherWallet  bool   `help:"Link although the worker's wallet is not the one that the mnemonic gives."`
	Relink       bool   `help:"Take the Solana wallet from the worker that it is linked to now."`
	DryRun       bool   `help:"Show what would be signed, and send nothing."`
}

// Help says what the command is for.
func (walletLinkCmd) Help() string {
	return `ClawRouter pays for LLM calls with a Solana wallet, while the worker has an EVM wallet. Both come from the same words.
The tier follows from what you paid, so tell the network that both are yours: each signs a text that names both. That
moves no money and gives nobody access to a wallet. It is done once for each worker's wallet, and counts from the next
accepted check on.`
}

// The chain ids that --network stands for.
var linkChains = map[string]int64{"base": 8453, "base-sepolia": 84532}

// linkRun is what Run works with.
type linkRun struct {
	worker *wallet.Wallet
	words  *wallet.Mnemonic
	chain  int64
	relink bool
}

// Run links ClawRouter's Solana wallet to the worker.
func (w walletLinkCmd) Run(c console) error {
	words, err := wallet.FindMnemonic(w.MnemonicFile)
	if err != nil {
		return err
	}
	worker, err := w.worker(c, words)
	if err != nil {
		return err
	}
	for _, warning := range []string{worker.Warning, words.Warning} {
		if warning != "" {
			fmt.Fprintf(c.err, "warning: %s\n", warning)
		}
	}
	network, err := client.New(w.API, worker.Address, "", userAgent())
	if err != nil {
		return usageError{err}
	}
	l := linkRun{worker, words, linkChains[w.Network], w.Relink}
	if w.DryRun {
		return l.show(c)
	}
	answer, err := l.send(network)
	if err != nil {
		return w.hint(c, hinted(err))
	}
	if c.json {
		return printJSON(c.out, answer)
	}
	show := printer{console: c}
	show.linked(answer)
	return nil
}

// worker is the wallet that works. Where there is none yet, it is the one that
// ClawRouter would make.
func (w walletLinkCmd) worker(c console, words *wallet.Mnemonic) (*wallet.Wallet, error) {
	worker, err := wallet.Find(w.Wallet, c.getenv)
	if errors.Is(err, wallet.ErrNone) && w.Wallet == "" {
		fmt.Fprintf(c.err, "note: there is no wallet file; this is for the mnemonic's own wallet, %s\n", words.EVM)
		return words.EVM, nil
	}
	if err != nil {
		return nil, err
	}
	if worker.Address != words.EVM.Address && !w.OtherWallet {
		return nil, fmt.Errorf("the worker's wallet %s (%s) is not the one that %s gives, which is %s. Is it the wrong file (--mnemonic-file, --wallet)? "+
			"If both wallets are yours, and what the mnemonic's Solana wallet %s paid shall count for this worker: --other-wallet",
			worker, worker.Source, words.Source, words.EVM, words.SolanaAddress)
	}
	return worker, nil
}

func (l linkRun) sign(at time.Time) (api.Link, error) {
	link := api.Link{ChainID: l.chain, Timestamp: at.UnixMilli(), Relink: l.relink}
	err := l.words.SignLink(&link, l.worker)
	return link, err
}

// send signs and hands in. A clock that is off is corrected by the network's,
// which its refusal shows.
func (l linkRun) send(network *client.Client) (api.LinkResponse, error) {
	for again := false; ; again = true {
		link, err := l.sign(time.Now().Add(network.ClockOffset()))
		if err != nil {
			return api.LinkResponse{}, err
		}
		answer, err := network.Link(context.Background(), link)
		e, refused := errors.AsType[*client.Error](err)
		if again || !refused || e.Code != api.LinkClock || network.ClockOffset() == 0 {
			return answer, err
		}
	}
}

// relink is what the API says to type when another worker has the Solana
// wallet. It does not know what else was typed.
const relink = "worker-cli wallet link --relink"

// hint adds what to type to what the API refused.
func (w walletLinkCmd) hint(c console, err error) error {
	e, refused := errors.AsType[*client.Error](err)
	switch {
	case !refused:
	case e.Code == api.LinkChain:
		return fmt.Errorf("%w; say which with --network base or --network base-sepolia", err)
	case e.Code == api.LinkElsewhere && !strings.Contains(e.Text, relink):
		return fmt.Errorf("%w; to take it from there: %s", err, w.command(c)+" --relink")
	case e.Code == api.LinkElsewhere:
		said := *e
		said.Text = strings.ReplaceAll(e.Text, relink, w.command(c)+" --relink")
		return &said
	}
	return err
}

// command is what was typed, as far as it matters when it is typed again.
func (w walletLinkCmd) command(c console) string {
	text := "worker-cli wallet link"
	for _, f := range []struct{ flag, value, otherwise string }{
		{"--api", w.API, cmp.Or(c.getenv("BLOCKRUN_API_BASE"), "https://blockrun.ai/api")},
		{"--network", w.Network, "base"},
		{"--mnemonic-file", w.MnemonicFile, ""},
		{"--wallet", w.Wallet, ""},
	} {
		if f.value != f.otherwise {
			text += " " + f.flag + " " + f.value
		}
	}
	if w.OtherWallet {
		text += " --other-wallet"
	}
	return text
}

// dryLink is a link that was not sent, in JSON.
type dryLink struct {
	WorkerAddress string `json:"workerAddress"`
	SolanaAddress string `json:"solanaAddress"`
	ChainID       int64  `json:"chainId"`
	Message       string `json:"message"`
	Sent          bool   `json:"sent"`
}

// show prints what both wallets would sign.
func (l linkRun) show(c console) error {
	link, err := l.sign(time.Now())
	if err != nil {
		return err
	}
	message, err := api.LinkMessage(link)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, dryLink{link.WorkerAddress, link.SolanaAddress, link.ChainID, string(message), false})
	}
	_, err = fmt.Fprintf(c.out, "%s\n\nNothing was sent.\n", message)
	return err
}

// linked says what came of it.
func (p *printer) linked(a api.LinkResponse) {
	switch a.Status {
	case api.Relinked:
		p.say("Linked: Solana wallet %s now counts for %s, and no longer for %s", a.SolanaAddress, a.Address, a.PreviousAddress)
	case api.AlreadyLinked:
		p.say("Solana wallet %s was linked to %s already", a.SolanaAddress, a.Address)
	default:
		p.say("Linked: Solana wallet %s now counts for %s", a.SolanaAddress, a.Address)
	}
	p.say("Tier:      %s, rewards x%s, from the next accepted check on; $%s paid for LLM calls so far", a.Tier, a.Multiplier, cents(a.LifetimePaidUSD))
	p.wallets(a.OwnPaidUSD, a.Linked)
	p.nextTier(a.NextTier)
}

// wallets is which of the worker's wallets paid what.
func (p *printer) wallets(own string, linked []api.LinkedSpend) {
	if len(linked) == 0 {
		return
	}
	p.say("           $%s under the worker's own address", cents(own))
	for _, w := range linked {
		p.say("           $%s under Solana wallet %s, linked %s", cents(w.PaidUSD), w.SolanaAddress, minute(w.Since))
	}
}

func (p *printer) nextTier(n *api.NextTier) {
	if n != nil {
		p.say("Next tier: %s, rewards x%s, from $%s on: $%s to go", n.Tier, n.Multiplier, cents(n.FromUSD), cents(n.MissingUSD))
	}
}
