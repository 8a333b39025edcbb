package contracts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
)

// The digest as build.mjs makes it: stale bytecode is caught without node.
func TestBytecodeIsOfTheseSources(t *testing.T) {
	files, err := filepath.Glob("src/*.sol")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	slices.Sort(files)
	sum := sha256.New()
	for _, path := range append([]string{"build.mjs"}, files...) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(path), len(content), content)
	}
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != set.Sources {
		t.Fatalf("contracts.json was made of other sources (%s, these are %s): run npm install && node build.mjs", set.Sources, got)
	}
}

// With the compiler at hand, the bytecode is made again. It is found in
// node_modules here, or on NODE_PATH.
func TestBytecodeIsReproducible(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node: the digest of the sources is checked alone")
	}
	if err := exec.Command(node, "-e", `require("solc")`).Run(); err != nil {
		t.Skip("no solc package (npm install here): the digest of the sources is checked alone")
	}
	if out, err := exec.Command(node, "build.mjs", "--check").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// What payers and readers depend on, as numbers from payments.md.
func TestSelectorsAndTopics(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	token := set.Token.ABI
	selectors := map[string]string{}
	for _, m := range token.Methods {
		selectors[m.Sig] = hex.EncodeToString(m.ID)
	}
	for sig, want := range map[string]string{
		"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)": "e3ee160e",
		"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)":                 "cf092995",
		"authorizationState(address,bytes32)":                                                              "e94a0102",
		"cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)":                                       "5a049a70",
	} {
		if selectors[sig] != want {
			t.Errorf("%s: selector %q, want %s", sig, selectors[sig], want)
		}
	}
	for name, want := range map[string]string{
		"AuthorizationUsed":     "98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5",
		"AuthorizationCanceled": "1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81",
		"Transfer":              hex.EncodeToString(crypto.Keccak256([]byte("Transfer(address,address,uint256)"))),
	} {
		if got := hex.EncodeToString(token.Events[name].ID.Bytes()); got != want {
			t.Errorf("%s: topic %s, want %s", name, got, want)
		}
	}
	if got := hex.EncodeToString(set.Multicall.ABI.Methods["aggregate3"].ID); got != "82ad56cb" {
		t.Errorf("aggregate3: selector %s, want that of Multicall3, 82ad56cb", got)
	}
}
