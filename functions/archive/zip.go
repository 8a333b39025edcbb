package main

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// epoch is the time that every file in the archive bears: the first that the
// format can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Zip writes all files of tree to w, so that the bytes depend on nothing but
// their names and contents: in the order of their names, which fs.WalkDir
// keeps, with one time and one mode for all. It reports how many there are.
func Zip(w io.Writer, tree fs.FS) (files int, err error) {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file; the archive holds no other", name)
		}
		files++
		return add(z, tree, name)
	})
	if err != nil {
		return 0, err
	}
	return files, z.Close()
}

func add(z *zip.Writer, tree fs.FS, name string) error {
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch}
	h.SetMode(0o644)
	f, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return err
}
