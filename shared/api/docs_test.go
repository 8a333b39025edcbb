package api

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// docs/protocol.md says what the code does: its worked example is the first of
// the vectors, and every code, path and limit stands in it.
func TestProtocolPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := os.ReadFile("testdata/result-messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ PrivateKey, Message, Eip191Hash, Signature string }
	if err := json.Unmarshal(vectors, &all); err != nil {
		t.Fatal(err)
	}
	first := all[0]
	want := []string{
		first.PrivateKey, "message    " + first.Message + "\n", first.Eip191Hash, first.Signature, fmt.Sprint(len(all) - 1), TasksPath, ResultsPath, StatusPath,
		fmt.Sprintf("1 to %d results", MaxBatch), fmt.Sprintf("1 to %d characters", MaxTaskIDLen), fmt.Sprintf("at most %d characters", MaxErrorLen),
		fmt.Sprintf("at most %d characters", MaxRegionLen), fmt.Sprintf("%d KB", MaxBodyBytes>>10), fmt.Sprintf("0 to %d", MaxStatusEntries),
	}
	for code := range codeTexts {
		want = append(want, "`"+string(code)+"`")
	}
	want = append(want, LinkPath, fmt.Sprintf("most %d KB", MaxLinkBytes>>10))
	for _, code := range linkCodes {
		want = append(want, "`"+string(code)+"`")
	}
	for _, code := range proofCodes {
		want = append(want, "`"+string(code)+"`")
	}
	proof := loadProofs(t)[0]
	want = append(want, TimeHeader, NonceHeader, SignatureHeader, fmt.Sprintf("%d to %d letters", MinNonceLen, MaxNonceLen), "message    "+proof.Message+"\n", proof.Hash.Hex(), proof.Signature)
	for _, s := range want {
		if !strings.Contains(string(text), s) {
			t.Errorf("docs/protocol.md does not say %q", s)
		}
	}
	result := Result{Signature: first.Signature, StatusCode: new(200)}
	if err := json.Unmarshal([]byte(first.Message), &result); err != nil {
		t.Fatal(err)
	}
	if v := Verify(result); v.Code != "" || !strings.Contains(string(text), ResultID(result)) {
		t.Errorf("the example is %q, and its id %s is not on the page", v.Code, ResultID(result))
	}
}

// The link on the page is signed as it says, over the text on the page.
func TestProtocolPageLink(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(page), `{"workerAddress"`)
	body, _, _ = strings.Cut(`{"workerAddress"`+body, "```")
	l, err := DecodeLink(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyLink(l, l.ChainID, time.UnixMilli(l.Timestamp)); err != nil {
		t.Error(err)
	}
	if message, err := LinkMessage(l); err != nil || !strings.Contains(string(page), "```\n"+string(message)+"\n```") {
		t.Errorf("the page does not have the text that is signed: %s, %v", message, err)
	}
}
