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
