package pixel

import "image"

// chroma is how a decoder makes RGB of luma and chroma samples.
type chroma struct {
	interpolate func(out, near, far []byte) // doubles a row, between the nearer row of samples and the farther one
	rgb         func(y, cb, cr byte) (r, g, b byte)
}

// picture gives RGB of samples whose chroma may have half the width, or half of both sides: it is interpolated between its
// four neighbours, weighted 9, 3, 3 and 1 ("fancy upsampling"). Other ratios take the nearest sample.
func (c chroma) picture(img *image.YCbCr) *Picture {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	p := NewPicture(w, h)
	half := (w + 1) / 2
	cb, cr := make([]byte, max(w, 2*half)), make([]byte, max(w, 2*half))
	for y := range h {
		switch img.SubsampleRatio {
		case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio422:
			near, far := y, y
			if img.SubsampleRatio == image.YCbCrSubsampleRatio420 {
				near, far = y/2, y/2+y&1*2-1 // the nearer row of chroma samples, and the one on the other side of this row
				if far < 0 || far >= (h+1)/2 {
					far = near
				}
			}
			c.interpolate(cb, img.Cb[near*img.CStride:][:half], img.Cb[far*img.CStride:][:half])
			c.interpolate(cr, img.Cr[near*img.CStride:][:half], img.Cr[far*img.CStride:][:half])
		default:
			for x := range w {
				at := img.COffset(img.Rect.Min.X+x, img.Rect.Min.Y+y)
				cb[x], cr[x] = img.Cb[at], img.Cr[at]
			}
		}
		row := p.row(y)
		for x, luma := range img.Y[y*img.YStride:][:w] {
			row[x*3], row[x*3+1], row[x*3+2] = c.rgb(luma, cb[x], cr[x])
		}
	}
	return p
}

// libwebp rounds as upsampling.c and yuv.h of libwebp do: in two steps, and to RGB in 14-bit fixed point.
var libwebp = chroma{
	interpolate: func(out, near, far []byte) {
		n := len(near)
		edge := func(i int) byte { return byte((3*int(near[i]) + int(far[i]) + 2) >> 2) }
		out[0] = edge(0)
		for i := 1; i < n; i++ {
			n0, n1, f0, f1 := int(near[i-1]), int(near[i]), int(far[i-1]), int(far[i])
			sum := n0 + n1 + f0 + f1 + 8
			out[2*i-1] = byte(((sum+2*(n1+f0))>>3 + n0) >> 1)
			out[2*i] = byte(((sum+2*(n0+f1))>>3 + n1) >> 1)
		}
		out[2*n-1] = edge(n - 1) // the last of an even width
	},
	rgb: func(y, cb, cr byte) (r, g, b byte) {
		luma, u, v := int(y)*19077>>8, int(cb), int(cr)
		clip := func(x int) byte { return byte(min(max(x>>6, 0), 255)) }
		return clip(luma + v*26149>>8 - 14234), clip(luma - u*6419>>8 - v*13320>>8 + 8708), clip(luma + u*33050>>8 - 17685)
	},
}

// jpegLike rounds as jdsample.c (h2v2) and jdcolor.c of libjpeg do: half up and half down in turn, and to RGB in 16-bit
// fixed point.
var jpegLike = chroma{
	interpolate: func(out, near, far []byte) {
		n := len(near)
		column := func(i int) int { return 3*int(near[i]) + int(far[i]) }
		out[0] = byte((4*column(0) + 8) >> 4)
		for i := 1; i < n; i++ {
			before, this := column(i-1), column(i)
			out[2*i-1] = byte((3*before + this + 7) >> 4)
			out[2*i] = byte((3*this + before + 8) >> 4)
		}
		out[2*n-1] = byte((4*column(n-1) + 7) >> 4)
	},
	rgb: func(y, cb, cr byte) (r, g, b byte) {
		const half = 1 << 15
		luma, u, v := int(y), int(cb)-128, int(cr)-128
		clip := func(x int) byte { return byte(min(max(x, 0), 255)) }
		return clip(luma + (91881*v+half)>>16), clip(luma + (-22554*u-46802*v+half)>>16), clip(luma + (116130*u+half)>>16)
	},
}
