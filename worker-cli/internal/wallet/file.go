package wallet

import (
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
)

// maxFile is more than any spelling of a key takes.
const maxFile = 4096

// load reads a wallet file: one line, 0x and 64 hex digits, with or without an
// end of line of either kind. A file that does not exist is os.ErrNotExist;
// everything else that is wrong is ErrBad and names the file, and how another
// wallet is made.
func load(file, makeOne string) (*Wallet, error) {
	text, warning, err := readSecret(file, "--wallet")
	if err != nil {
		return nil, err
	}
	w, err := fromText(text, file, "restore it from a backup, or move it away and make a new one with: "+makeOne)
	if err == nil {
		w.Warning = warning
	}
	return w, err
}

// readSecret reads a file that holds a secret, another of which flag would
// name. Warning is what is unsafe about the file, or "". Errors are those of
// load.
func readSecret(file, flag string) (text, warning string, err error) {
	// Lstat, because a link that leads nowhere is there.
	if _, err := os.Lstat(file); os.IsNotExist(err) {
		return "", "", os.ErrNotExist
	}
	bad := func(what string) (string, string, error) {
		return "", "", fmt.Errorf("%w: %s %s; see that it is a file that you may read, or name another one with %s", ErrBad, file, what, flag)
	}
	info, err := os.Stat(file)
	if err != nil {
		return bad("cannot be read: " + reason(err))
	}
	if !info.Mode().IsRegular() {
		return bad("is not a file but " + kind(info.Mode()))
	}
	f, err := os.Open(file)
	if err != nil {
		return bad("cannot be read: " + reason(err))
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return bad("cannot be read: " + reason(err))
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		warning = fmt.Sprintf("%s can be read by other users of this machine; run: chmod 600 %s", file, file)
	}
	return string(content), warning, nil
}

// fromText reads the key in text, which came from source.
func fromText(text, source, todo string) (*Wallet, error) {
	key, what := parse(text)
	if what != "" {
		return nil, fmt.Errorf("%w: %s %s; %s", ErrBad, source, what, todo)
	}
	return newWallet(key, source), nil
}

// parse reads a key, or says what is wrong with it without repeating it.
func parse(text string) (*ecdsa.PrivateKey, string) {
	const want = "; want one line, 0x and 64 hex digits"
	line := strings.TrimRight(text, " \t\r\n")
	switch {
	case len(text) > maxFile:
		return nil, "is too long" + want
	case line == "":
		return nil, "is empty" + want
	case strings.ContainsAny(line, "\r\n"):
		return nil, "has more than one line" + want
	case !strings.HasPrefix(line, "0x"):
		return nil, "does not start with 0x" + want
	case len(line) != 66:
		return nil, fmt.Sprintf("has %d characters after 0x%s", len(line)-2, want)
	}
	raw, err := hex.DecodeString(line[2:])
	if err != nil {
		return nil, "holds something other than hex digits" + want
	}
	key, err := crypto.ToECDSA(raw)
	if err != nil {
		return nil, "holds a number that is no secp256k1 key" // zero, or too great
	}
	return key, ""
}

// Create makes a new key and writes it to file, readable by its owner alone;
// a directory that has to be made for it is, too. Whatever is there already is
// never overwritten: ErrExists.
func Create(file string) (*Wallet, error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make the wallet's directory: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil, fmt.Errorf("%w: %s; it was left as it is. To make another one: worker-cli wallet new --wallet FILE", ErrExists, file)
	}
	if err != nil {
		return nil, fmt.Errorf("write the wallet: %w", err)
	}
	if err := write(f, "0x"+hex.EncodeToString(crypto.FromECDSA(key))+"\n"); err != nil {
		os.Remove(file) // it is ours, and of no use
		return nil, fmt.Errorf("write the wallet: %w", err)
	}
	return newWallet(key, file), nil
}

// write puts text on the disk itself: a key that is lost in a power cut takes
// what it earned with it.
func write(f *os.File, text string) error {
	_, err := f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// reason is err without the file's name, which stands beside it already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
