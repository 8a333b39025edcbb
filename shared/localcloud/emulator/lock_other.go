//go:build !unix

package emulator

// lockFile is not needed: nothing is fetched on this system.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
