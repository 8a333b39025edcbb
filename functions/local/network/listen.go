package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen takes a port of the loopback address; 0 is any free one. flag names
// the command-line flag that chose it.
func listen(ctx context.Context, flag string, port int) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use by another program; stop that one, or choose another port with %s", port, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %d may not be opened by this user; choose one above 1023 with %s", port, flag)
	case err != nil:
		return nil, fmt.Errorf("listening on port %d (%s): %w", port, flag, err)
	}
	return ln, nil
}

// distinctPorts refuses one port for two parts, which would else be told as
// taken by another program.
func distinctPorts(o Options) error {
	flags := map[int]string{}
	for _, p := range []struct {
		flag string
		port int
	}{{"--port", o.Port}, {"--rpc-port", o.RPCPort}, {"--facilitator-port", o.FacilitatorPort}} {
		if other, taken := flags[p.port]; taken && p.port != 0 {
			return fmt.Errorf("%s and %s are both %d; give each a port of its own, or 0 for any free one", other, p.flag, p.port)
		}
		flags[p.port] = p.flag
	}
	return nil
}

// freePort is a port that nobody listens on at this moment, for a server that
// wants a number and not a listener.
func freePort(ctx context.Context) (string, error) {
	ln, err := listen(ctx, "", 0)
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}
