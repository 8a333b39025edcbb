package chain

import (
	"net/url"
	"slices"
	"strings"
)

// minPrivate is the shortest part of a URL that may be a key; shorter ones
// ("v2", "rpc") are words that an error may well have by chance.
const minPrivate = 8

// privateParts are what a node's URL may hold a key in: parts of its path, its
// query's values, and its user. A node or a proxy in front of it may quote what
// it was asked by.
func privateParts(u *url.URL) []string {
	parts := strings.Split(u.Path, "/")
	parts = append(parts, strings.Split(u.EscapedPath(), "/")...)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	parts = append(parts, strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == '=' })...)
	if u.User != nil {
		password, _ := u.User.Password()
		parts = append(parts, u.User.Username(), password)
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return len(p) < minPrivate })
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(parts)
}

// hide is err without what the node's URL keeps private, in its text; it is
// still the same error for errors.Is and errors.As.
func (c *Client) hide(err error) error {
	if err = redact(err); err == nil {
		return nil
	}
	text := err.Error()
	for _, p := range c.private {
		text = strings.ReplaceAll(text, p, "[hidden]")
	}
	if text == err.Error() {
		return err
	}
	return hidden{err, text}
}

type hidden struct {
	error
	text string
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.error }
