package models

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

func TestTextCacheKeepsWhatWasPut(t *testing.T) {
	dir, m := t.TempDir(), &Model{Manifest: Manifest{Version: "0123456789ab"}}
	c := OpenTextCache(dir, m, "fp32")
	if err := c.Put([]string{"a", "b"}, [][]float32{{1, 2}, {3, 4}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Put([]string{"c"}, [][]float32{{5, 6}}); err != nil {
		t.Fatal(err)
	}
	again := OpenTextCache(dir, m, "fp32")
	for text, want := range map[string][]float32{"a": {1, 2}, "b": {3, 4}, "c": {5, 6}} {
		if v, ok := again.Get(text); !ok || !slices.Equal(v, want) {
			t.Errorf("%s is %v", text, v)
		}
	}
	if _, ok := OpenTextCache(dir, m, "int8").Get("a"); ok {
		t.Error("another precision finds it")
	}
}

func TestTextCacheForgetsWhatIsDamaged(t *testing.T) {
	dir, m := t.TempDir(), &Model{Manifest: Manifest{Version: "0123456789ab"}}
	c := OpenTextCache(dir, m, "fp32")
	if err := c.Put([]string{"a", "b"}, [][]float32{{1, 2}, {3, 4}}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	found := func(data []byte) (n int) {
		if err := os.WriteFile(c.path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		damaged := OpenTextCache(dir, m, "fp32")
		for text, want := range map[string][]float32{"a": {1, 2}, "b": {3, 4}} {
			v, ok := damaged.Get(text)
			if ok && !slices.Equal(v, want) {
				t.Errorf("%s is %v", text, v)
			}
			n += map[bool]int{true: 1}[ok]
		}
		return n
	}
	for cut := range len(whole) {
		found(whole[:cut])
	}
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 0x55
		if n := found(flipped); i >= 8 && n != 1 {
			t.Errorf("byte %d flipped: %d texts are found", i, n)
		}
	}
	if n := found(fmt.Appendf(nil, "LLT1\xff\xff\xff\xff")); n != 0 {
		t.Error("a dimension of 2^32 finds texts")
	}
}
