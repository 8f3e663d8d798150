package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/internal/label"
)

// listenFlags are the flags of the verbs that serve.
type listenFlags struct {
	addr        string
	certificate string
	key         string
}

func (f *listenFlags) bind(c *cobra.Command, addr string) {
	flags := c.Flags()
	flags.StringVar(&f.addr, "addr", addr, "address to serve on; port 0: any that is free")
	flags.StringVar(&f.certificate, "cert", "", "file with the certificate for TLS (PEM)")
	flags.StringVar(&f.key, "key", "", "file with the certificate's key (PEM)")
}

// listen takes the address. Hosts are the names by which the server may be called.
func (f *listenFlags) listen(ctx context.Context) (l net.Listener, hosts []string, err error) {
	if (f.certificate == "") != (f.key == "") {
		return nil, nil, label.Errorf(label.ErrUsage, "--cert and --key go together")
	}
	l, err = new(net.ListenConfig).Listen(ctx, "tcp", f.addr)
	if err != nil {
		return nil, nil, label.Errorf(label.ErrUsage, "serve on %s: %w; name another address with --addr, such as 127.0.0.1:0", f.addr, err)
	}
	if hosts, err = f.hosts(l.Addr().(*net.TCPAddr)); err != nil {
		l.Close()
	}
	return l, hosts, err
}

// base is the address by which the server is called first: its scheme, name and port.
func (f *listenFlags) base(l net.Listener, hosts []string) string {
	scheme := "http"
	if f.certificate != "" {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(hosts[0], fmt.Sprint(l.Addr().(*net.TCPAddr).Port)))
}

// warn tells what it means where others than this machine can reach the server, and whether they can.
func (f *listenFlags) warn(l net.Listener, stderr io.Writer) bool {
	if l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return false
	}
	fmt.Fprintf(stderr, "Everybody who can reach %s can try tokens.\n", l.Addr())
	if f.certificate == "" {
		fmt.Fprintln(stderr, "Without --cert and --key nothing is encrypted: whoever listens on the network reads what is sent and the tokens.")
	}
	return true
}

// hosts are the names by which clients may call the server, the one that is printed first: those of the address itself and of
// the certificate.
func (f *listenFlags) hosts(at *net.TCPAddr) ([]string, error) {
	var hosts []string
	if f.certificate != "" {
		pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
		if err != nil {
			return nil, label.Errorf(label.ErrUsage, "read the certificate: %w", err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return nil, label.Errorf(label.ErrUsage, "read the certificate %s: %w", f.certificate, err)
		}
		hosts = slices.DeleteFunc(slices.Clone(leaf.DNSNames), func(name string) bool { return strings.HasPrefix(name, "*") })
		for _, ip := range leaf.IPAddresses {
			hosts = append(hosts, ip.String())
		}
	}
	switch {
	case at.IP.IsLoopback():
		hosts = append(hosts, at.IP.String(), "localhost")
	case !at.IP.IsUnspecified():
		hosts = append(hosts, at.IP.String())
	default:
		if name, err := os.Hostname(); err == nil {
			hosts = append(hosts, name)
		}
		addresses, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("find the addresses of this machine: %w", err)
		}
		for _, a := range addresses {
			if network, ok := a.(*net.IPNet); ok {
				hosts = append(hosts, network.IP.String())
			}
		}
		hosts = append(hosts, "localhost")
	}
	for i, name := range hosts {
		hosts[i] = strings.ToLower(name)
	}
	return hosts, nil
}
