package emulator

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const archiveURL = "https://storage.googleapis.com/cloud-spanner-emulator/releases/" + version +
	"/cloud-spanner-emulator_linux_amd64-" + version + ".tar.gz"

const (
	binaryName     = "emulator_main"
	maxBinarySize  = 512 << 20
	archiveTimeout = 10 * time.Minute
)

// fromArchive runs the emulator of the official release archive, which it
// fetches when it is not in the cache yet.
func (m machine) fromArchive(ctx context.Context, o Options) (*Emulator, error) {
	if m.goos != "linux" || m.goarch != "amd64" {
		return nil, absent("there is one for linux/amd64 only, this is " + m.goos + "/" + m.goarch)
	}
	cache, err := m.cacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "blockrun-worker-network", "spanner-emulator-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, binaryName)
	if err := m.fetchOnce(ctx, binary, o); err != nil {
		return nil, err
	}
	return m.runBinary(ctx, binary, "from the release archive")
}

// fetchOnce puts the emulator at path unless it is there. Of several
// processes, one fetches and the others wait for it.
func (m machine) fetchOnce(ctx context.Context, path string, o Options) error {
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	o.Notice("Spanner emulator: fetching " + m.archiveURL + " into " + filepath.Dir(path) + ", once")
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	return m.fetch(ctx, path)
}

// fetch streams the archive, checks it, and only then gives the emulator its
// name. Google publishes no digest for the archive: it comes over HTTPS, is
// held against the MD5 that the storage service states for the object, and
// its SHA-256 is written beside the emulator for whoever wants to compare.
func (m machine) fetch(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.archiveURL, nil)
	if err != nil {
		return err
	}
	resp, err := m.download.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch %s: %s", m.archiveURL, resp.Status)
	}
	sha, sum := sha256.New(), md5.New()
	body := io.TeeReader(resp.Body, io.MultiWriter(sha, sum))
	temp, err := unpack(body, filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("fetch %s: %w", m.archiveURL, err)
	}
	defer func() { _ = os.Remove(temp) }() // gone already when all went well
	if _, err := io.Copy(io.Discard, body); err != nil {
		return fmt.Errorf("fetch %s: %w", m.archiveURL, err)
	}
	if err := checkMD5(resp.Header, sum); err != nil {
		return fmt.Errorf("fetch %s: %w", m.archiveURL, err)
	}
	note := hex.EncodeToString(sha.Sum(nil)) + "  " + filepath.Base(m.archiveURL) + "\n"
	if err := os.WriteFile(path+".archive.sha256", []byte(note), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// unpack writes the archive's emulator_main to a temporary file in dir.
func unpack(archive io.Reader, dir string) (string, error) {
	zr, err := gzip.NewReader(archive)
	if err != nil {
		return "", fmt.Errorf("not a gzip file: %w", err)
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return "", errors.New("the archive holds no " + binaryName)
		}
		if err != nil {
			return "", err
		}
		if h.Typeflag == tar.TypeReg && filepath.Base(h.Name) == binaryName {
			temp, err := writeBinary(tr, h.Size, dir)
			if err != nil {
				return "", err
			}
			if _, err := io.Copy(io.Discard, zr); err != nil { // to the checksum at its end
				_ = os.Remove(temp)
				return "", err
			}
			return temp, nil
		}
	}
}

func writeBinary(r io.Reader, size int64, dir string) (path string, err error) {
	if size > maxBinarySize {
		return "", fmt.Errorf("%s has %d bytes", binaryName, size)
	}
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "\x7fELF" {
		return "", errors.New(binaryName + " is no Linux program")
	}
	f, err := os.CreateTemp(dir, binaryName+".*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, io.MultiReader(bytes.NewReader(magic), r))
	if err == nil {
		err = f.Chmod(0o755)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// checkMD5 compares with "X-Goog-Hash: md5=<base64>", where it is sent.
func checkMD5(h http.Header, got hash.Hash) error {
	for _, value := range h.Values("X-Goog-Hash") {
		for part := range strings.SplitSeq(value, ",") {
			want, ok := strings.CutPrefix(strings.TrimSpace(part), "md5=")
			if ok && want != base64.StdEncoding.EncodeToString(got.Sum(nil)) {
				return errors.New("the download was damaged: its MD5 is not what the server states")
			}
		}
	}
	return nil
}
