package check

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Class is the kind of a failure: the phase in which the check ended.
type Class = api.ErrorClass

// The classes of failures.
const (
	DNS      = api.ClassDNS
	Connect  = api.ClassConnect
	TLS      = api.ClassTLS
	Timeout  = api.ClassTimeout
	Status   = api.ClassStatus
	Protocol = api.ClassProtocol
	Body     = api.ClassBody
)

// NoSuchHost is the Error of a name that the name servers do not know.
const NoSuchHost = "DNS: no such host"

// Windows has its own numbers for these; package syscall's do not match them.
const (
	wsaConnRefused = syscall.Errno(10061)
	wsaConnReset   = syscall.Errno(10054)
	wsaHostUnreach = syscall.Errno(10065)
	wsaNetUnreach  = syscall.Errno(10051)
)

// classify says in the protocol's words why a request failed. The text is
// made here and not taken from err, which names addresses of the user's: the
// name server, the local end of the connection.
func classify(err error) (Class, string) {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which is the target's to choose
	}
	if errors.Is(err, errRedirects) {
		return Protocol, fmt.Sprintf("More than %d redirects", maxRedirects)
	}
	if errors.Is(err, errAway) {
		return Protocol, "Redirect away from http and https"
	}
	if text := tlsText(err); text != "" {
		return TLS, "TLS: " + text
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		if dns.IsNotFound {
			return DNS, NoSuchHost
		}
		return DNS, "DNS: lookup failed"
	}
	var op *net.OpError
	dialling := errors.As(err, &op) && op.Op == "dial"
	switch {
	case isErrno(err, syscall.ECONNREFUSED, wsaConnRefused):
		return Connect, "Connection refused"
	case isErrno(err, syscall.EHOSTUNREACH, wsaHostUnreach), isErrno(err, syscall.ENETUNREACH, wsaNetUnreach):
		return Connect, "Host unreachable"
	case dialling:
		return Connect, "Connection failed"
	case isErrno(err, syscall.ECONNRESET, wsaConnReset):
		return Protocol, "Connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Protocol, "Connection closed without an answer"
	}
	return Protocol, "Not a valid HTTP answer"
}

func isErrno(err error, unix, windows syscall.Errno) bool {
	return errors.Is(err, unix) || errors.Is(err, windows)
}

// tlsText says what was wrong with the handshake, or "" when it was not that.
func tlsText(err error) string {
	var (
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate expired or not yet valid"
	case errors.As(err, &name):
		return "certificate is for another host"
	case errors.As(err, &authority):
		return "certificate signed by an unknown authority"
	case errors.As(err, &verify), errors.As(err, &invalid):
		return "certificate not valid"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS"
	case errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return "handshake failed" // most errors of crypto/tls have no type
	}
	return ""
}
