package wallet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// The first account of the well-known test mnemonic.
const (
	key     = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
	address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
)

func home(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	return dir, filepath.Join(dir, ".openclaw", "blockrun", "wallet.key")
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func env(value string) func(string) string {
	return func(name string) string {
		if name == EnvKey {
			return value
		}
		return ""
	}
}

func TestShapes(t *testing.T) {
	digits := key[2:]
	order := "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for name, c := range map[string]struct{ text, want string }{ // want "" = good
		"bare":              {key, ""},
		"unix":              {key + "\n", ""},
		"CRLF":              {key + "\r\n", ""},
		"blank lines":       {key + " \n\r\n\t\n", ""},
		"capitals":          {"0x" + strings.ToUpper(digits), ""},
		"empty":             {"", "is empty"},
		"blank":             {" \r\n\n", "is empty"},
		"short":             {key[:65] + "\n", "has 63 characters after 0x"},
		"long":              {key + "0", "has 65 characters after 0x"},
		"only 0x":           {"0x", "has 0 characters after 0x"},
		"no 0x":             {digits, "does not start with 0x"},
		"0X":                {"0X" + digits, "does not start with 0x"},
		"space before":      {" " + key, "does not start with 0x"},
		"byte order mark":   {"\ufeff" + key, "does not start with 0x"},
		"UTF-16":            {"\xff\xfe0\x00x\x00", "does not start with 0x"},
		"quoted":            {`"` + key + `"`, "does not start with 0x"},
		"JSON":              {`{"privateKey":"` + key + `"}`, "does not start with 0x"},
		"mnemonic":          {"test test test test test test test test test test test junk", "does not start with 0x"},
		"wrong hex":         {key[:65] + "g", "holds something other than hex digits"},
		"space within":      {key[:40] + " " + key[41:], "holds something other than hex digits"},
		"two keys":          {key + "\n" + key + "\n", "has more than one line"},
		"comment":           {key + "\n# mine\n", "has more than one line"},
		"zero":              {"0x" + strings.Repeat("0", 64), "is no secp256k1 key"},
		"the curve's order": {order, "is no secp256k1 key"},
		"huge":              {strings.Repeat(key, 1000), "is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			_, file := home(t)
			put(t, file, c.text)
			// A good key in the environment must not stand in for a bad file.
			w, err := Find("", env("0x"+strings.Repeat("1", 64)))
			if w != nil { // TestBothKeys is about what is said then
				w.Warning = ""
			}
			checkShape(t, c.want, w, err, file, c.text)
			w, err = Find(file, env(""))
			checkShape(t, c.want, w, err, file, c.text)
			if after, _ := os.ReadFile(file); string(after) != c.text {
				t.Error("the file was changed")
			}
			if _, err := Create(file); !errors.Is(err, ErrExists) {
				t.Errorf("Create: %v, want ErrExists", err)
			}
			if after, _ := os.ReadFile(file); string(after) != c.text {
				t.Error("Create changed the file")
			}
			if c.text == "" { // an empty variable is none
				return
			}
			home(t) // without a file
			w, err = Find("", env(c.text))
			checkShape(t, c.want, w, err, EnvKey, c.text)
		})
	}
}

func checkShape(t *testing.T, want string, w *Wallet, err error, source, text string) {
	t.Helper()
	if want == "" {
		if err != nil || w.Address != address || w.Source != source || w.Warning != "" {
			t.Errorf("got %+v, %v", w, err)
		}
		return
	}
	if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), source) {
		t.Fatalf("got %v, want ErrBad that says %q and names %s", err, want, source)
	}
	if secret := strings.TrimSpace(text); len(secret) > 10 && strings.Contains(err.Error(), secret[4:10]) {
		t.Errorf("the error shows the key: %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, file string){
		"directory": func(t *testing.T, file string) { must(t, os.MkdirAll(file, 0o700)) },
		"dangling link": func(t *testing.T, file string) {
			put(t, file+".x", "")
			must(t, os.Symlink(filepath.Join(t.TempDir(), "gone"), file))
		},
		"link to itself": func(t *testing.T, file string) {
			put(t, file+".x", "")
			must(t, os.Symlink(file, file))
		},
		"directory is a file": func(t *testing.T, file string) { put(t, filepath.Dir(file), key) },
		"no permission": func(t *testing.T, file string) {
			put(t, file, key)
			if os.Geteuid() == 0 { // root may read everything, except this
				must(t, os.Remove(file))
				must(t, os.Symlink("/proc/self/mem", file))
				return
			}
			must(t, os.Chmod(file, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("links and modes are Unix's")
			}
			_, file := home(t)
			spoil(t, file)
			for _, f := range []string{"", file} {
				w, err := Find(f, env(key))
				if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "--wallet") {
					t.Errorf("got %v, %v; want ErrBad that names the file and says what to do", w, err)
				}
			}
			if _, err := Create(file); err == nil {
				t.Error("Create wrote over it")
			}
		})
	}
}

// A file and a variable: the file comes first, and when that could be a
// surprise it is said, without the key.
func TestBothKeys(t *testing.T) {
	other := "0x" + strings.Repeat("1", 64)
	for name, c := range map[string]struct{ variable, want string }{
		"no variable":  {"", ""},
		"the same key": {key, ""},
		"in capitals":  {"0x" + strings.ToUpper(key[2:]) + "\r\n", ""},
		"another key":  {other, "holds another key, of 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A, which is not used"},
		"no key":       {"0x12", "is no key, and is not used"},
		"a quoted key": {`"` + key + `"`, "is no key, and is not used"},
	} {
		_, file := home(t)
		put(t, file, key)
		w, err := Find("", env(c.variable))
		must(t, err)
		if w.Address != address || w.Source != file || (w.Warning == "") != (c.want == "") || !strings.Contains(w.Warning, c.want) || strings.Contains(w.Warning, other[2:20]) {
			t.Errorf("%s: %+v", name, w)
		}
		if w, err = Find(file, env(c.variable)); err != nil || w.Warning != "" { // the file was named: no surprise
			t.Errorf("%s: %+v, %v", name, w, err)
		}
		if runtime.GOOS != "windows" && c.want != "" {
			must(t, os.Chmod(file, 0o644))
			if w, err = Find("", env(c.variable)); err != nil || !strings.Contains(w.Warning, "chmod 600") || !strings.Contains(w.Warning, c.want) {
				t.Errorf("%s: %+v, %v", name, w, err)
			}
		}
	}
}

func TestNone(t *testing.T) {
	_, file := home(t)
	w, err := Find("", env(""))
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "worker-cli wallet new") {
		t.Errorf("got %v, %v", w, err)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	w, err = Find(other, env(key)) // a file that was named is the only one that counts
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "wallet new --wallet "+other) {
		t.Errorf("got %v, %v", w, err)
	}
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	if _, err = Find("", env("")); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "--wallet") {
		t.Errorf("got %v", err)
	}
	if w, err = Find("", env(key)); err != nil || w.Address != address {
		t.Errorf("got %v, %v", w, err)
	}
}

func TestCreate(t *testing.T) {
	dir, file := home(t)
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Find("", env(""))
	if err != nil || found.Address != w.Address || found.Warning != "" {
		t.Fatalf("found %+v, %v; made %+v", found, err, w)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700, filepath.Join(dir, ".openclaw"): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
			}
		}
		must(t, os.Chmod(file, 0o644))
		if found, err = Find("", env("")); err != nil || !strings.Contains(found.Warning, "chmod 600 "+file) {
			t.Errorf("got %+v, %v", found, err)
		}
	}
	text, _ := os.ReadFile(file)
	if len(text) != 67 || !bytes.HasPrefix(text, []byte("0x")) || text[66] != '\n' {
		t.Errorf("the file has %d bytes", len(text))
	}
}

// Of many that make a wallet at once, one does.
func TestCreateAtOnce(t *testing.T) {
	_, file := home(t)
	var mu sync.Mutex
	var made []string
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			w, err := Create(file)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made = append(made, w.Address)
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w, err := Find(file, env(""))
	if err != nil || len(made) != 1 || made[0] != w.Address {
		t.Errorf("made %v, found %v, %v", made, w, err)
	}
}

// A failing disk leaves no half a key behind.
func TestCreateFails(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("/dev/full is Unix's")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		full, err = os.Open(os.DevNull) // cannot be written either
	}
	must(t, err)
	if err := write(full, key); err == nil {
		t.Error("no error")
	}
	blocked := filepath.Join(t.TempDir(), "file")
	put(t, blocked, "")
	if _, err := Create(filepath.Join(blocked, "wallet.key")); err == nil {
		t.Error("made a wallet below a file")
	}
}

func TestSign(t *testing.T) {
	_, file := home(t)
	put(t, file, key)
	w, err := Find("", env(""))
	must(t, err)
	r := api.Result{TaskID: "task_<a>&b", Timestamp: 1764000000000, Success: true}
	must(t, w.Sign(&r))
	if v := api.Verify(r); v.Code != "" || v.Address.Hex() != address || r.WorkerAddress != address {
		t.Errorf("got %+v for %+v", v, r)
	}
}

// However a wallet is printed, its key is not.
func TestKeyIsNeverShown(t *testing.T) {
	_, file := home(t)
	put(t, file, key)
	w, err := Find("", env(""))
	must(t, err)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %v %+v %#v", w, w, w, w, w, w, *w, *w, *w)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "wallet", w, "value", *w)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "wallet", w, "value", *w)
	must(t, json.NewEncoder(&out).Encode(w))
	number, _ := new(big.Int).SetString(key, 0)
	for _, secret := range []string{key[2:20], key[50:], number.String()[:10]} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q stands in %s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), address) {
		t.Error("not even the address is shown")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
