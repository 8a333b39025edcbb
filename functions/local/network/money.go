package network

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/facilitator"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// localLog is where receipts go on the local chain, unless
// BLOCKRUN_LOG_ADDRESS says otherwise. Nobody has its key, and nobody needs it.
var localLog = common.HexToAddress("0xB10C000000000000000000000000000000000106")

// blockPeriod is Base's.
const blockPeriod = 2 * time.Second

// startChain starts a chain, or takes the one at BASE_RPC_URL.
func (n *Network) startChain(ctx context.Context, o Options, env environment) error {
	if rpc := o.Getenv("BASE_RPC_URL"); rpc != "" {
		return n.useChain(ctx, rpc, o, env)
	}
	ln, err := listen(ctx, "--rpc-port", o.RPCPort)
	if err != nil {
		return err
	}
	address := ln.Addr().String()
	ln.Close() // devchain takes an address, not a listener
	c, err := devchain.Start(ctx, devchain.Options{RPCAddr: address, BlockPeriod: blockPeriod, Fund: o.Fund})
	if err != nil {
		return fmt.Errorf("starting the chain: %w", err)
	}
	n.onStop(c.Stop)
	n.relayer = c.Relayer
	n.Money = Money{
		Local: true, ChainID: c.Network.ChainID, RPC: c.URL, Token: c.Network.Token,
		Treasury: crypto.PubkeyToAddress(c.Treasury.PublicKey), LogSender: crypto.PubkeyToAddress(c.LogSender.PublicKey),
		LogAddress: localLog,
	}
	if text := o.Getenv("BLOCKRUN_LOG_ADDRESS"); text != "" {
		if n.Money.LogAddress, err = address0x("BLOCKRUN_LOG_ADDRESS", text); err != nil {
			return err
		}
	}
	if text := o.Getenv("USDC_ADDRESS"); text != "" {
		token, err := address0x("USDC_ADDRESS", text)
		if err != nil {
			return err
		}
		if token != n.Money.Token {
			return fmt.Errorf("USDC_ADDRESS is %s, but on the local chain USDC is at %s; set BASE_RPC_URL too, to the chain that has it, or unset USDC_ADDRESS", token, n.Money.Token)
		}
	}
	if text := o.Getenv("CHAIN_ID"); text != "" && text != strconv.FormatInt(n.Money.ChainID, 10) {
		return fmt.Errorf("CHAIN_ID is %s, but the local chain's is %d; set BASE_RPC_URL too, to that chain, or unset CHAIN_ID", text, n.Money.ChainID)
	}
	n.Money.export(env)
	// Whatever keys the environment holds are for other chains.
	env.merge(map[string]string{
		"TREASURY_KEY": keyHex(crypto.FromECDSA(c.Treasury)), "TREASURY_KEY_FILE": "", "TREASURY_KMS_KEY": "",
		"LOG_SENDER_KEY": keyHex(crypto.FromECDSA(c.LogSender)), "LOG_SENDER_KEY_FILE": "", "LOG_SENDER_KMS_KEY": "",
		"RELAYER_KEY": "", "RELAYER_KEY_FILE": "", "RELAYER_KMS_KEY": "",
	})
	if o.SecondRail {
		return n.startRelayer(ctx, c, env)
	}
	return nil
}

// startRelayer gives ProcessPayout an account of its own to settle with, apart
// from the facilitator's.
func (n *Network) startRelayer(ctx context.Context, c *devchain.Chain, env environment) error {
	key, err := crypto.GenerateKey()
	if err != nil {
		return fmt.Errorf("making the relayer's key: %w", err)
	}
	n.Money.Relayer = crypto.PubkeyToAddress(key.PublicKey)
	if err := c.GiveETH(ctx, n.Money.Relayer, big.NewInt(params.Ether)); err != nil {
		return fmt.Errorf("giving the relayer ETH: %w", err)
	}
	env["RELAYER_KEY"] = keyHex(crypto.FromECDSA(key))
	return nil
}

// startFacilitator starts one that settles on the local chain, or takes the one
// at X402_FACILITATOR_URL.
func (n *Network) startFacilitator(ctx context.Context, o Options, env environment) error {
	if given := o.Getenv("X402_FACILITATOR_URL"); given != "" {
		n.Facilitator, env["X402_FACILITATOR_URL"] = given, given
		return checkFacilitator(ctx, o.Getenv, n.Money.ChainID)
	}
	ln, err := listen(ctx, "--facilitator-port", o.FacilitatorPort)
	if err != nil {
		return err
	}
	known, _ := usdc.ByChainID(n.Money.ChainID)
	f, err := facilitator.New(ctx, facilitator.Options{
		RPCURL: n.Money.RPC, Network: known.WithToken(n.Money.Token), Relayer: n.relayer, Log: o.Log,
	})
	if err != nil {
		ln.Close()
		return fmt.Errorf("starting the facilitator: %w", err)
	}
	n.onStop(func() error { f.Close(); return nil })
	n.serve("the facilitator", ln, f)
	n.Facilitator = "http://" + ln.Addr().String()
	// Credentials of another facilitator are none of this one's business.
	env.merge(map[string]string{"X402_FACILITATOR_URL": n.Facilitator, "CDP_API_KEY_ID": "", "CDP_API_KEY_SECRET": ""})
	return nil
}

// useChain takes a chain that is not ours, with keys and addresses from the
// environment.
func (n *Network) useChain(ctx context.Context, rpc string, o Options, env environment) error {
	if o.SecondRail {
		return errors.New("--second-rail makes a key for the local chain, but BASE_RPC_URL names another; set RELAYER_KEY, or unset one of them")
	}
	if len(o.Fund) > 0 {
		return errors.New("--fund gives away local money, but BASE_RPC_URL names another chain; unset one of them")
	}
	if err := missing(o.Getenv); err != nil {
		return err
	}
	m := Money{RPC: rpc, ChainID: usdc.BaseSepolia}
	if text := o.Getenv("CHAIN_ID"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("CHAIN_ID is %q, not a number such as %d", text, usdc.BaseSepolia)
		}
		m.ChainID = id
	}
	known, ok := usdc.ByChainID(m.ChainID)
	if !ok {
		return fmt.Errorf("CHAIN_ID is %d; USDC is known on %d (Base) and %d (Base Sepolia): set one of them", m.ChainID, usdc.Base, usdc.BaseSepolia)
	}
	m.Token = known.Token
	for name, to := range map[string]*common.Address{"USDC_ADDRESS": &m.Token, "BLOCKRUN_LOG_ADDRESS": &m.LogAddress, "TREASURY_ADDRESS": &m.Treasury} {
		if text := o.Getenv(name); text != "" {
			address, err := address0x(name, text)
			if err != nil {
				return err
			}
			*to = address
		}
	}
	var err error
	if m.Treasury == (common.Address{}) {
		if m.Treasury, err = keyAddress(o.Getenv, "TREASURY_KEY"); err != nil {
			return err
		}
	}
	if o.Getenv("LOG_SENDER_KMS_KEY") != "" {
		m.LogSender, err = address0x("LOG_SENDER_ADDRESSES", o.Getenv("LOG_SENDER_ADDRESSES"))
	} else {
		m.LogSender, err = keyAddress(o.Getenv, "LOG_SENDER_KEY")
	}
	if err != nil {
		return err
	}
	client, err := chain.Dial(ctx, rpc, m.ChainID)
	if err != nil {
		return fmt.Errorf("the chain at BASE_RPC_URL: %w", err)
	}
	defer client.Close()
	if _, err := client.VerifyToken(ctx, m.Token); err != nil {
		return fmt.Errorf("USDC on the chain at BASE_RPC_URL (USDC_ADDRESS, or the chain's own): %w", err)
	}
	heads, err := client.Heads(ctx)
	if err != nil {
		return fmt.Errorf("the chain at BASE_RPC_URL: %w", err)
	}
	m.Since = heads.Safe.Number
	n.Money = m
	m.export(env)
	return nil
}

// missing names what a chain that is not ours needs and the environment lacks.
func missing(getenv func(string) string) error {
	var lack []string
	for _, choice := range [][]string{
		{"TREASURY_KEY", "TREASURY_KEY_FILE", "TREASURY_KMS_KEY"},
		{"LOG_SENDER_KEY", "LOG_SENDER_KEY_FILE", "LOG_SENDER_KMS_KEY"},
		{"BLOCKRUN_LOG_ADDRESS"},
		{"X402_FACILITATOR_URL"},
	} {
		found := false
		for _, name := range choice {
			found = found || getenv(name) != ""
		}
		if !found {
			lack = append(lack, strings.Join(choice, " or "))
		}
	}
	// The address of a key in Cloud KMS is not asked of it here.
	for key, address := range map[string]string{"TREASURY_KMS_KEY": "TREASURY_ADDRESS", "LOG_SENDER_KMS_KEY": "LOG_SENDER_ADDRESSES"} {
		if getenv(key) != "" && getenv(address) == "" {
			lack = append(lack, address)
		}
	}
	if len(lack) == 0 {
		return nil
	}
	return fmt.Errorf("BASE_RPC_URL names a chain on which this program has no keys and no facilitator; also set %s, or unset BASE_RPC_URL for a local chain", strings.Join(lack, ", "))
}

// export tells the functions where payouts are made.
func (m Money) export(env environment) {
	env.merge(map[string]string{
		"CHAIN_ID": strconv.FormatInt(m.ChainID, 10), "BASE_RPC_URL": m.RPC, "USDC_ADDRESS": m.Token.Hex(),
		"TREASURY_ADDRESS": m.Treasury.Hex(), "BLOCKRUN_LOG_ADDRESS": m.LogAddress.Hex(),
	})
}

// PublicRPC is RPC as it may be shown: the path of a provider's URL is a key.
func (m Money) PublicRPC() string {
	if m.Local {
		return m.RPC
	}
	u, err := url.Parse(m.RPC)
	if err != nil {
		return "(BASE_RPC_URL)"
	}
	return u.Scheme + "://" + u.Host
}

func keyAddress(getenv func(string) string, name string) (common.Address, error) {
	if text := getenv(name); text != "" {
		s, err := signer.FromHex(text)
		if err != nil {
			return common.Address{}, fmt.Errorf("%s: %w", name, err)
		}
		return s.Address(), nil
	}
	s, err := signer.FromFile(getenv(name + "_FILE"))
	if err != nil {
		return common.Address{}, fmt.Errorf("%s_FILE: %w", name, err)
	}
	return s.Address(), nil
}

func address0x(name, text string) (common.Address, error) {
	a, err := api.ParseAddress(text)
	if err != nil {
		return common.Address{}, fmt.Errorf("%s is %q: %w", name, text, err)
	}
	return a, nil
}

func keyHex(key []byte) string { return "0x" + hex.EncodeToString(key) }
