package network

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// job is a function that Cloud Scheduler calls in production.
type job struct {
	function string
	every    time.Duration
	atStart  bool
}

// scheduler POSTs to the functions on time. Like the real one it does not
// start a job again while it runs, and an answer that is not 2xx is retried
// at the job's next turn.
type scheduler struct {
	functions string // base URL
	http      *http.Client
	log       *slog.Logger
}

// run works the jobs until ctx ends.
func (s *scheduler) run(ctx context.Context, jobs []job) {
	done := make(chan struct{})
	for _, j := range jobs {
		go func() {
			defer func() { done <- struct{}{} }()
			s.repeat(ctx, j)
		}()
	}
	for range jobs {
		<-done
	}
}

func (s *scheduler) repeat(ctx context.Context, j job) {
	tick := time.NewTicker(j.every)
	defer tick.Stop()
	for first := true; ; first = false {
		if !first || j.atStart {
			if err := s.call(ctx, j.function); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "scheduled function failed", slog.String("function", j.function), slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *scheduler) call(ctx context.Context, function string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.functions+"/"+function, http.NoBody)
	if err != nil {
		return fmt.Errorf("calling %s: %w", function, err)
	}
	req.Header.Set("User-Agent", "Google-Cloud-Scheduler")
	res, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("calling %s: %w", function, err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("calling %s: %s: %s", function, res.Status, answer)
	}
	return nil
}
