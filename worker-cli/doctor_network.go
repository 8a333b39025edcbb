package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/state"
)

// maxClockOff is how far the clock may be off before results are in danger:
// one that is more than 30 s ahead, or five minutes late, is not paid.
const maxClockOff = 2 * time.Second

// stateFinding tries to write where the worker keeps what it must not lose.
func stateFinding(getenv func(string) string) finding {
	dir, err := state.Root(getenv)
	if err == nil {
		err = tryWrite(dir)
	}
	if err != nil {
		return finding{"disk", broken, "cannot write where results are kept while the API is away: " + err.Error(), "see that there is room on the disk and that the folder is yours"}
	}
	return finding{"disk", fine, dir + " can be written", ""}
}

// tryWrite writes a file into dir, or into what is there of the way to it, and
// removes it again.
func tryWrite(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || parent == dir {
			return err
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".worker-cli-doctor-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 64<<10))
	return errors.Join(err, f.Sync(), f.Close())
}

// lookAround looks for a connection, and for the API's host.
func lookAround(ctx context.Context, base string) []finding {
	u, err := url.Parse(base)
	if err != nil {
		return []finding{{"network", broken, err.Error(), ""}}
	}
	host := u.Hostname()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	online := finding{"network", fine, "this machine has an address of its own on a network", ""}
	if !connected() {
		online = finding{"network", worth, "this machine has no address but its own loopback", "connect it to a network"}
		if err != nil {
			online.State = broken
		}
	}
	if err != nil {
		return []finding{online, {"dns", broken, fmt.Sprintf("%s has no address: %s", host, cause(err)),
			"see whether a browser opens any site, whether the name is right (--api), and which name server this machine uses"}}
	}
	return []finding{online, {"dns", fine, fmt.Sprintf("%s is %s", host, strings.Join(addresses[:min(2, len(addresses))], ", ")), ""}}
}

// connected reports whether any interface has an address that leads elsewhere.
func connected() bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true // unknown is no reason to complain
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return true
		}
	}
	return false
}

// exchange asks the API for the worker's status, which assigns and changes
// nothing, and judges the answer, the clock and the version by it.
func exchange(ctx context.Context, base, address string, dns finding) []finding {
	later := func(check string) finding { return finding{check, skipped, "not known without the API's answer", ""} }
	version := finding{"version", fine, readBuild().Version, ""}
	if dns.State == broken {
		return []finding{later("api"), later("clock"), version}
	}
	answer, err := ask(ctx, base, address)
	if err != nil {
		return []finding{{"api", broken, fmt.Sprintf("%s does not answer: %s", base, cause(err)),
			"see whether a firewall or a proxy is in between (the worker uses none), and whether the address is right (--api)"}, later("clock"), version}
	}
	return []finding{answer.judge(base), clockFinding(answer), answer.version(version)}
}

// answer is what came back, and when.
type answer struct {
	status         int
	body           []byte
	date           time.Time // the header Date, or zero
	sent, received time.Time
}

func ask(ctx context.Context, base, address string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	u := strings.TrimSuffix(base, "/") + api.StatusPath + "?" + url.Values{"address": {address}, "payouts": {"0"}, "results": {"0"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", userAgent())
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	}
	a := answer{}
	// Name, connection and handshake take their time, but not the clock's.
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { a.sent = time.Now() }}))
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	a.received = time.Now()
	a.status = resp.StatusCode
	a.date, _ = http.ParseTime(resp.Header.Get("Date"))
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return a, err
}

// judge says whether this was the network's API.
func (a answer) judge(base string) finding {
	var said struct {
		api.WorkerStatus
		api.ErrorBody
	}
	_ = json.Unmarshal(a.body, &said)
	reason := ""
	if said.Error != "" {
		reason = ": " + said.Error
	}
	switch {
	case a.status == http.StatusOK && !said.Time.IsZero():
		return finding{"api", fine, fmt.Sprintf("%s answered in %d ms", base, a.received.Sub(a.sent).Milliseconds()), ""}
	case a.status == http.StatusUpgradeRequired:
		return finding{"api", fine, base + " answers, but not this version", ""}
	case a.status == http.StatusTooManyRequests:
		return finding{"api", worth, base + " asks for patience (429)" + reason, "try again in a few minutes; one worker a machine is enough"}
	case a.status >= http.StatusInternalServerError:
		return finding{"api", broken, fmt.Sprintf("%s has trouble of its own (%d)%s", base, a.status, reason), "nothing on this machine: a worker waits and goes on by itself"}
	case a.status >= 300 && a.status < 400:
		return finding{"api", broken, fmt.Sprintf("%s sends elsewhere (%d)", base, a.status), "if this network asks for a login in the browser, log in; else see whether the address is right (--api)"}
	}
	return finding{"api", broken, fmt.Sprintf("%s answered (%d), but not as the network's API does%s", base, a.status, reason), "see whether the address is right (--api)"}
}

// version says whether the API takes this version.
func (a answer) version(f finding) finding {
	var said api.ErrorBody
	if a.status != http.StatusUpgradeRequired || json.Unmarshal(a.body, &said) != nil {
		return f
	}
	f.State, f.Found = broken, f.Found+" is too old for the network"
	f.Do = "install the newest one, as you installed this one; then start the worker again"
	if said.MinimumVersion != "" {
		f.Found += "; it takes " + said.MinimumVersion + " and later"
	}
	return f
}

// clockFinding compares the clocks. The header Date has whole seconds, cut
// off, and was written at some moment of the exchange: only what both cannot
// explain is told.
func clockFinding(a answer) finding {
	if a.date.IsZero() {
		return finding{"clock", skipped, "the API's answer has no date", ""}
	}
	ahead := a.sent.Sub(a.date.Add(time.Second)) // at least so much
	behind := a.date.Sub(a.received)
	const set = "let this machine set its clock from the network: results that are 5 minutes late or 30 s early are not paid"
	switch {
	case ahead > maxClockOff:
		return finding{"clock", broken, fmt.Sprintf("about %v ahead of the network's", ahead.Round(time.Second)), set}
	case behind > maxClockOff:
		return finding{"clock", broken, fmt.Sprintf("about %v behind the network's", behind.Round(time.Second)), set}
	}
	return finding{"clock", fine, fmt.Sprintf("within %v of the network's", maxClockOff), ""}
}

// cause is err without the address that it is about.
func cause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return d.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}
