//go:build with_spanner

package main

// Go initialises every package that a program links: so this is what the
// Spanner client costs whoever may need it, before it is used.
import _ "cloud.google.com/go/spanner"
