package models

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
)

// TextCache keeps embeddings of texts in one file: after a head of 8 bytes (magic, dimension), one record a text, which is
// the SHA-256 of the text, the vector as little-endian float32, and a CRC-32 of both. It is a cache: what can't be read is
// made again.
type TextCache struct {
	path    string
	vectors map[[sha256.Size]byte][]float32
}

const cacheMagic = "LLT1"

// OpenTextCache reads the cache of a model's text graph below dir. One version of a model, at one precision, has one file.
func OpenTextCache(dir string, m *Model, precision string) *TextCache {
	c := &TextCache{
		path:    filepath.Join(dir, m.Manifest.Version+"-"+precision+".texts"),
		vectors: map[[sha256.Size]byte][]float32{},
	}
	data, err := os.ReadFile(c.path)
	if err != nil || len(data) < 8 || string(data[:4]) != cacheMagic {
		return c
	}
	dim := int(binary.LittleEndian.Uint32(data[4:]))
	record := sha256.Size + 4*dim + 4
	if dim > 1<<20 {
		return c
	}
	for data = data[8:]; len(data) >= record; data = data[record:] {
		body := data[:record-4]
		if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(data[record-4:]) {
			continue
		}
		v := make([]float32, dim)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[sha256.Size+4*i:]))
		}
		c.vectors[[sha256.Size]byte(body)] = v
	}
	return c
}

// Get gives the vector of a text that was put before.
func (c *TextCache) Get(text string) ([]float32, bool) {
	v, ok := c.vectors[sha256.Sum256([]byte(text))]
	return v, ok
}

// Put keeps vectors of one dimension. The file is replaced in one step; of two processes that put at once, one's are lost.
func (c *TextCache) Put(texts []string, vectors [][]float32) error {
	for i, text := range texts {
		c.vectors[sha256.Sum256([]byte(text))] = vectors[i]
	}
	data := binary.LittleEndian.AppendUint32([]byte(cacheMagic), uint32(len(vectors[0])))
	for key, v := range c.vectors {
		from := len(data)
		data = append(data, key[:]...)
		for _, x := range v {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
		data = binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data[from:]))
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(c.path), ".texts-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // does nothing once it is renamed
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), c.path)
}
