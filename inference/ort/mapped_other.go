//go:build !unix

package ort

import "os"

// mapFile gives the bytes of a file.
func mapFile(path string) (data []byte, release func() error, err error) {
	data, err = os.ReadFile(path)
	return data, func() error { return nil }, err
}
