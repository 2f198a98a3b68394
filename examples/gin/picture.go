package main

import (
	"bytes"
	"image"
	_ "image/gif" // formats that inspect knows
	_ "image/jpeg"
	_ "image/png"

	"github.com/gosocketio/sio/core/socketio"
)

// The page makes pictures smaller before it sends them; this is for those who do not.
const (
	maxPictureBytes = 700 << 10 // leaves room below socketio.Options.MaxPayload
	maxPictureSide  = 4096
)

var (
	errNoPicture  = &socketio.Error{Message: "This is no picture that can be shown: PNG, JPEG and GIF can."}
	errPictureBig = &socketio.Error{Message: "The picture is too large."}
)

// inspect finds out what a picture is by looking at it, whatever its sender says.
// It reads the header only.
func inspect(data []byte) (*picture, error) {
	if len(data) > maxPictureBytes {
		return nil, errPictureBig
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width < 1 || config.Height < 1 {
		return nil, errNoPicture
	}
	if config.Width > maxPictureSide || config.Height > maxPictureSide {
		return nil, errPictureBig
	}
	return &picture{Type: "image/" + format, Width: config.Width, Height: config.Height}, nil
}
