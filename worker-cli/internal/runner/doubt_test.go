package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// line is a Line whose answers a test decides.
type line struct {
	reach, resolve  error
	reached, looked int
	reachedAt       time.Time
	answersAfter    time.Duration
}

func (l *line) Reach(context.Context) error {
	l.reached++
	l.reachedAt = time.Now()
	time.Sleep(l.answersAfter)
	return l.reach
}

func (l *line) Resolve(context.Context) error { l.looked++; return l.resolve }

// saw is a check of a URL that took a while and then saw that.
func saw(url string, took time.Duration, o check.Observation) (api.Task, func() check.Observation) {
	return api.Task{ID: url, URL: url}, func() check.Observation {
		o.At = time.Now()
		time.Sleep(took)
		o.ResponseTime, o.Timings.Total = took, took
		return o
	}
}

// Which failures are told, as the line is: the trouble is the target's, or
// this machine's own.
func TestDoubts(t *testing.T) {
	down := errors.New("cannot reach the API")
	dead := errors.New("names cannot be looked up")
	var (
		up       = check.Observation{Success: true, StatusCode: 200, Timings: check.Timings{DNS: 1, Connect: 1}}
		status   = check.Observation{StatusCode: 503, Class: check.Status, Timings: check.Timings{DNS: 1, Connect: 1}}
		refused  = check.Observation{Class: check.Connect, Error: "Connection refused", Timings: check.Timings{DNS: 1, Connect: 1}}
		noHost   = check.Observation{Class: check.DNS, Error: check.NoSuchHost, Timings: check.Timings{DNS: 1}}
		noServer = check.Observation{Class: check.DNS, Error: "DNS: lookup failed", Timings: check.Timings{DNS: 1}}
		hungName = check.Observation{Class: check.Timeout, Error: "Timeout", Timings: check.Timings{DNS: 1}}
		hung     = check.Observation{Class: check.Timeout, Error: "Timeout", Timings: check.Timings{DNS: 1, Connect: 1}}
		badCert  = check.Observation{Class: check.TLS, Error: "TLS: certificate not valid", Timings: check.Timings{DNS: 1, Connect: 1, TLS: 1}}
	)
	type one struct {
		url  string
		took time.Duration
		seen check.Observation
	}
	for name, c := range map[string]struct {
		checks []one
		line   line
		told   int // of the checks
		reason string
		asked  int // times that the line was asked
	}{
		"all is well":                    {[]one{{"https://a", 1, up}, {"http://b", 1, up}}, line{reach: down}, 2, "", 0},
		"refused, online":                {[]one{{"https://a", 1, refused}}, line{}, 1, "", 1},
		"refused, offline":               {[]one{{"https://a", 1, refused}}, line{reach: down}, 0, "offline: cannot reach", 1},
		"all down, offline":              {[]one{{"https://a", 1, refused}, {"https://b", 2, noServer}, {"https://c", 3, hung}, {"http://d", 4, noHost}}, line{reach: down}, 0, "offline", 1},
		"status over https":              {[]one{{"https://a", 1, status}}, line{reach: down}, 1, "", 0},
		"status over http, offline":      {[]one{{"http://a", 1, status}}, line{reach: down}, 0, "offline", 1}, // a login page's
		"certificate, offline":           {[]one{{"https://a", 1, badCert}}, line{reach: down}, 0, "offline", 1},
		"refused, API away, others up":   {[]one{{"https://a", 1, refused}, {"https://b", 50, up}}, line{reach: down}, 2, "", 0},
		"refused after the others":       {[]one{{"https://a", 60, refused}, {"https://b", 50, up}}, line{reach: down}, 1, "offline", 1},
		"only login pages are up":        {[]one{{"https://a", 1, refused}, {"http://b", 50, up}}, line{reach: down}, 1, "offline", 1},
		"no such host, online":           {[]one{{"https://a", 1, noHost}}, line{resolve: dead}, 1, "", 1},
		"no name server":                 {[]one{{"https://a", 1, noServer}, {"https://b", 1, noServer}}, line{resolve: dead}, 0, "name server does not answer", 2},
		"name server hangs":              {[]one{{"https://a", 1, hungName}}, line{resolve: dead}, 0, "name server does not answer", 2},
		"one name server fails":          {[]one{{"https://a", 1, noServer}}, line{}, 1, "", 2},
		"lookup failed, then others not": {[]one{{"https://a", 1, noServer}, {"https://b", 50, up}}, line{resolve: dead}, 2, "", 0},
		"no name to ask about":           {[]one{{"https://a", 1, noServer}}, line{resolve: client.ErrNoName}, 0, "name server", 2},
		"nor, but others found theirs":   {[]one{{"https://a", 50, noServer}, {"https://b", 1, up}}, line{resolve: client.ErrNoName}, 2, "", 2},
		"connecting hung":                {[]one{{"https://a", 1, hung}}, line{resolve: dead}, 1, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tasks []api.Task
				seen := map[string]func() check.Observation{}
				for _, o := range c.checks {
					task, f := saw(o.url, o.took*time.Millisecond, o.seen)
					tasks, seen[o.url] = append(tasks, task), f
				}
				for i := range tasks {
					tasks[i].ID = fmt.Sprint("t", i)
				}
				n := &network{tasks: first(func(int) ([]api.Task, error) { return tasks, nil })}
				w := newWorker(n)
				w.Check = func(_ context.Context, task api.Task) (check.Observation, error) { return seen[task.URL](), nil }
				w.Line = &c.line
				totals := w.runFor(t, 20*time.Second)
				withheld := events[Withheld](w)
				if totals.Checks != c.told || len(n.accepted) != c.told || len(events[Check](w)) != c.told {
					t.Errorf("%d told, %d accepted, want %d; withheld %+v", totals.Checks, len(n.accepted), c.told, withheld)
				}
				if c.told == len(c.checks) != (len(withheld) == 0) || len(withheld) > 0 && (withheld[0].Checks != len(c.checks)-c.told || !strings.Contains(withheld[0].Reason, c.reason)) {
					t.Errorf("withheld %+v", withheld)
				}
				if asked := c.line.reached + c.line.looked; asked != c.asked {
					t.Errorf("the line was asked %d times, want %d", asked, c.asked)
				}
			})
		})
	}
}

// A machine that slept during a check tells nothing of it.
func TestSleptDuringACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(1, 2))}
		w := newWorker(n)
		inner := w.Check
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			if task.ID == "t0" {
				return check.Observation{}, check.ErrAsleep
			}
			return inner(ctx, task)
		}
		totals := w.runFor(t, 20*time.Second)
		if got := events[Withheld](w); totals.Checks != 1 || len(n.accepted) != 1 || len(got) != 1 || got[0].Checks != 1 || !strings.Contains(got[0].Reason, "slept") {
			t.Errorf("%+v, %d accepted, withheld %+v", totals, len(n.accepted), got)
		}
	})
}

// port is a listener that can go away and come back at the same address.
type port struct {
	handler http.Handler
	mu      sync.Mutex
	server  *httptest.Server
	address string
}

func (p *port) open(t *testing.T) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.address == "" {
		p.address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", p.address)
	for start := time.Now(); err != nil && time.Since(start) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		l, err = net.Listen("tcp", p.address) // somebody may have the port for a moment
	}
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	p.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: p.handler}}
	p.server.Start()
	return "http://" + p.address
}

func (p *port) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		p.server.CloseClientConnections()
		p.server.Close()
		p.server = nil
	}
}

// With real connections: a worker that goes offline after it was given its
// tasks says nothing of them, then or later; one that is online says which of
// its targets is down.
func TestOfflineWorkerSaysNothing(t *testing.T) {
	target := &port{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	url := target.open(t)
	defer target.close()
	dead := &port{handler: http.NotFoundHandler()}
	deadURL := dead.open(t)
	dead.close()

	n := &network{tasks: func(poll int) ([]api.Task, error) {
		return []api.Task{
			{ID: fmt.Sprint("up", poll), Type: api.HTTPCheck, URL: url, ExpectedStatus: 200, TimeoutMs: 2000},
			{ID: fmt.Sprint("dead", poll), Type: api.HTTPCheck, URL: deadURL, ExpectedStatus: 200, TimeoutMs: 2000},
		}, nil
	}}
	network := &port{handler: overHTTP(n)}
	base := network.open(t)
	defer network.close()
	c, err := client.New(base, "0x", "", "Test/1")
	if err != nil {
		t.Fatal(err)
	}
	checker := check.New(check.Options{AllowPrivate: true})
	round := func(offline bool) *worker {
		w := newWorker(c)
		w.Line, w.Check = c, func(ctx context.Context, task api.Task) (check.Observation, error) {
			if offline { // the line breaks between the poll and the checks
				network.close()
				target.close()
			}
			return checker.Check(ctx, task)
		}
		_ = w.Once(t.Context())
		return w
	}
	w := round(true)
	withheld := 0
	for _, e := range events[Withheld](w) {
		withheld += e.Checks
		if !strings.Contains(e.Reason, "offline: cannot reach the API") {
			t.Errorf("%+v", e)
		}
	}
	if withheld != 2 || w.totals.Checks != 0 || w.outbox.len() != 0 || len(n.accepted) != 0 {
		t.Errorf("withheld %d, %+v, %d wait, %d accepted", withheld, w.totals, w.outbox.len(), len(n.accepted))
	}
	network.open(t)
	target.open(t)
	w = round(false)
	if len(events[Withheld](w)) != 0 || w.totals != (Totals{Checks: 2, Accepted: 2, Earned: 2 * reward}) || n.accepted != nil && len(n.accepted) != 2 {
		t.Errorf("online again: %+v, withheld %+v", w.totals, events[Withheld](w))
	}
	for _, e := range events[Check](w) {
		if e.Success != strings.HasPrefix(e.TaskID, "up") {
			t.Errorf("%+v", e)
		}
	}
}

// With a real name server that does not answer: names that nobody found are
// not called down.
func TestNameServerIsDown(t *testing.T) {
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	n := &network{tasks: func(int) ([]api.Task, error) {
		return []api.Task{
			{ID: "a", Type: api.HTTPCheck, URL: "http://a.net-check.org/", ExpectedStatus: 200, TimeoutMs: 300},
			{ID: "b", Type: api.HTTPCheck, URL: "https://b.net-check.org/", ExpectedStatus: 200, TimeoutMs: 300},
		}, nil
	}}
	network := &port{handler: overHTTP(n)}
	c, err := client.New(network.open(t), "0x", "", "Test/1")
	if err != nil {
		t.Fatal(err)
	}
	defer network.close()
	w := newWorker(c)
	w.Line = c
	w.Check = check.New(check.Options{AllowPrivate: true, Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", mute.LocalAddr().String())
	}}}).Check
	if err := w.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := events[Withheld](w); len(got) != 1 || got[0].Checks != 2 || !strings.Contains(got[0].Reason, "name server") || len(n.accepted) != 0 {
		t.Errorf("withheld %+v, %d accepted", got, len(n.accepted))
	}
}
