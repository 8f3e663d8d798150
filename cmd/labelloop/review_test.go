package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
)

// served runs the verb review until the test ends, and gives the people's links and what it said on stderr.
func served(t *testing.T, args ...string) (links []link, stderr *bytes.Buffer) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	stderr = &bytes.Buffer{}
	root := command()
	root.SetArgs(append([]string{"review", "--json"}, args...))
	root.SetOut(in)
	root.SetErr(stderr)
	ended := make(chan error, 1)
	go func() {
		err := execute(ctx, root)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	if err := json.NewDecoder(out).Decode(&links); err != nil {
		t.Fatalf("review %v: %v: %v", args, err, <-ended)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if !strings.Contains(stderr.String(), "every answer is kept") {
			t.Errorf("review ends with %s", stderr)
		}
	})
	return links, stderr
}

// certificate makes one for this machine, signed by itself.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"labels.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}

func TestReviewServesAProject(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", "refund,other")
	must(t, "import", "--project", dir, writeCSV(t, []string{"text"}, [][]string{{"please refund me"}, {"hello"}}))
	must(t, "select", "--project", dir, "-n", "2", "--strategy", "audit")
	cert, key, pool := certificate(t)
	links, stderr := served(t, "--project", dir, "--addr", "127.0.0.1:0", "--annotators", "ann,bob", "--cert", cert, "--key", key)
	if len(links) != 2 || links[1].Annotator != "bob" || !strings.HasPrefix(links[0].URL, "https://labels.example:") {
		t.Fatalf("links are %v", links)
	}
	if strings.Contains(stderr.String(), "encrypted") {
		t.Errorf("review says %s", stderr)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(links[0].URL, "https://labels.example")
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1"+address[:strings.Index(address, "/")])
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	get := func(url string) string {
		t.Helper()
		answer, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s %v", url, answer.Status, text, err)
		}
		return string(text)
	}
	base := strings.Split(links[0].URL, "/?")[0]
	if page := get(links[0].URL) + get(base+"/"); !strings.Contains(page, "You are logged in") || !strings.Contains(page, "<title>labelloop</title>") {
		t.Errorf("the pages are %s", page)
	}
	answer, err := client.Post(base+"/api/annotate", "application/json", strings.NewReader(`{"key":"k","item":1,"verdict":"corrected","labels":["refund"]}`))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	var status struct {
		Items map[label.Split]splitCounts
		Mine  struct{ Answers int }
	}
	if err := json.Unmarshal([]byte(get(base+"/api/status")), &status); err != nil || status.Items[label.Pool].State[label.Labelled] != 1 || status.Mine.Answers != 1 {
		t.Errorf("status is %+v, %v", status, err)
	}
}

func TestReviewSaysWhatAnOpenAddressMeans(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	must(t, "init", dir, "--labels", "a,b")
	first, stderr := served(t, "--project", dir, "--addr", "0.0.0.0:0")
	for _, words := range []string{"can try tokens", "nothing is encrypted"} {
		if !strings.Contains(stderr.String(), words) {
			t.Errorf("review on every address says %s, want a word of %q", stderr, words)
		}
	}
	token := func(l link) string { return l.URL[strings.Index(l.URL, "token="):] }
	if again, _ := served(t, "--project", dir, "--addr", "127.0.0.1:0"); token(again[0]) != token(first[0]) {
		t.Errorf("tokens are %v and, later, %v", first, again)
	}
	f := &reviewFlags{}
	hosts, err := f.hosts(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil || !slices.Equal(hosts, []string{"127.0.0.1", "localhost"}) {
		t.Errorf("hosts are %v, %v", hosts, err)
	}
	for _, c := range []struct {
		args []string
		word string
	}{
		{[]string{"--cert", "x"}, "go together"}, {[]string{"--addr", "nowhere"}, "--addr"}, {[]string{"--blind", "2"}, "blind"},
		{[]string{"--cert", "x", "--key", "y"}, "certificate"}, {[]string{"--images", "/nowhere"}, "folder"}, {[]string{"--annotators", ""}, "say who"},
	} {
		args := append([]string{"review", "--project", dir}, c.args...)
		if !slices.Contains(args, "--addr") {
			args = append(args, "--addr", "127.0.0.1:0")
		}
		if _, stderr, code := run(t, args...); code != exitUsage || !strings.Contains(stderr, c.word) {
			t.Errorf("%v: exit code %d: %s", c.args, code, stderr)
		}
	}
}
