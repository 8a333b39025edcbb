package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// Lookup finds a variable: os.LookupEnv in production.
type Lookup = func(name string) (value string, ok bool)

// Load fills in target, a pointer to one of this package's structs. A variable
// that is set but empty counts as not set, and space around a value is not
// part of it. The error names every variable that is wrong, and says what to
// set, one a line.
func Load(ctx context.Context, lookup Lookup, target interface{ Validate() error }) error {
	env := &environment{lookup: lookup}
	var all []error
	for {
		err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: target, Lookuper: env, DefaultNoInit: true})
		if err == nil {
			break
		}
		if env.last == "" || slices.Contains(env.unread, env.last) {
			return fmt.Errorf("config: %w", err) // a mistake in a struct's tags
		}
		all = append(all, unreadable(env.last, env.value, err))
		env.unread = append(env.unread, env.last)
	}
	for _, err := range split(target.Validate()) {
		// What could not be read has been reported; that it is missing now is no news.
		var p *Problem
		if !errors.As(err, &p) || !slices.Contains(env.unread, p.Variable) {
			all = append(all, err)
		}
	}
	if len(all) > 0 {
		return fmt.Errorf("config: %w", errors.Join(all...))
	}
	return nil
}

// environment remembers the last variable looked up, the one that an error of
// envconfig is about, and hides those that could not be read, so that the rest
// can be.
type environment struct {
	lookup      Lookup
	last, value string
	unread      []string
}

func (e *environment) Lookup(name string) (string, bool) {
	value, ok := e.lookup(name)
	value = strings.TrimSpace(value)
	e.last, e.value = name, value
	if !ok || value == "" || slices.Contains(e.unread, name) {
		return "", false
	}
	return value, true
}

func unreadable(name, value string, err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return &Problem{name, fmt.Sprintf("is %q; set a whole number", value)}
	}
	return &Problem{name, "cannot be read: " + err.Error()}
}

// Problem is one variable that is wrong.
type Problem struct {
	Variable string
	Text     string // what is wrong, and what to set; holds no secret
}

func (p *Problem) Error() string { return p.Variable + " " + p.Text }

// problems collects what Validate finds.
type problems []error

// need reports a variable that is not set.
func (p *problems) need(set bool, variable, want string) {
	if !set {
		p.add(variable, "is not set; set it to %s", want)
	}
}

// add reports a variable that is wrong.
func (p *problems) add(variable, format string, args ...any) {
	*p = append(*p, &Problem{variable, fmt.Sprintf(format, args...)})
}

func (p *problems) between(variable string, value, lowest, highest int) {
	if value < lowest || value > highest {
		p.add(variable, "is %d; want %d to %d", value, lowest, highest)
	}
}

// join adds what another check found.
func (p *problems) join(err error) { *p = append(*p, split(err)...) }

func (p problems) err() error { return errors.Join(p...) }

// split is the opposite of errors.Join.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only this very error is taken apart
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
