package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// change is what a command shows first, then asks about, and then does.
type change struct {
	parts    int    // none: nobody is asked, and it is done all the same, which is harmless
	show     func() // for people
	question string
	do       func() error
	again    string                 // what doing it again means, once it has failed
	json     func(applied bool) any // the answer with --json
	done     string                 // for people
}

// apply carries out a change. Whatever came of it, with --json it is said.
func (c console) apply(ch change) (err error) {
	if !c.json {
		ch.show()
	}
	if ch.parts > 0 {
		err = c.confirm(ch.question)
	}
	applied := false
	if err == nil {
		if err = ch.do(); err != nil {
			err = fmt.Errorf("%w\n%s", err, ch.again)
		}
		applied = err == nil
	}
	if c.json {
		if jsonErr := c.printJSON(ch.json(applied)); jsonErr != nil {
			return jsonErr
		}
	} else if applied {
		c.printf("%s\n", ch.done)
	}
	return err
}

// confirm asks whether to go on, unless --yes has said so. With --json, or where
// nobody can be asked, --yes has to.
func (c console) confirm(question string) error {
	if c.yes {
		return nil
	}
	if c.json || !c.terminal {
		return fmt.Errorf("%w; add --yes to do it", errNotConfirmed)
	}
	fmt.Fprintf(c.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil && err != io.EOF { //nolint:errorlint // the reader's own
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}
