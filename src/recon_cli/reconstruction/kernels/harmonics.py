"""Real spherical harmonics to degree 3 in the order of the field's PLY files, and their slopes.

The constants are √((2l+1)/4π·…) as in every table of real harmonics; signs as Inria's trainer writes them.
"""

from __future__ import annotations

from recon_cli.reconstruction.kernels.jit import kernel

C0 = 0.28209479177387814
C1 = 0.4886025119029199
C20, C21, C22 = 1.0925484305920792, 0.31539156525252005, 0.5462742152960396
C30, C31, C32, C33, C34 = (
    0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154, 1.445305721320277,
)  # fmt: skip


@kernel
def basis(degree, x, y, z, out):
    """The (degree + 1)² values at the unit direction (x, y, z)."""
    out[0] = C0
    if degree > 0:
        out[1] = -C1 * y
        out[2] = C1 * z
        out[3] = -C1 * x
    if degree > 1:
        out[4] = C20 * x * y
        out[5] = -C20 * y * z
        out[6] = C21 * (2 * z * z - x * x - y * y)
        out[7] = -C20 * x * z
        out[8] = C22 * (x * x - y * y)
    if degree > 2:
        out[9] = -C30 * y * (3 * x * x - y * y)
        out[10] = C31 * x * y * z
        out[11] = -C32 * y * (4 * z * z - x * x - y * y)
        out[12] = C33 * z * (2 * z * z - 3 * x * x - 3 * y * y)
        out[13] = -C32 * x * (4 * z * z - x * x - y * y)
        out[14] = C34 * z * (x * x - y * y)
        out[15] = -C30 * x * (x * x - 3 * y * y)


@kernel
def slope(degree, x, y, z, pull):
    """The gradient in x, y, z of Σ pull·basis, the direction taken as free."""
    gx, gy, gz = 0.0, 0.0, 0.0
    if degree > 0:
        gy -= C1 * pull[1]
        gz += C1 * pull[2]
        gx -= C1 * pull[3]
    if degree > 1:
        gx += C20 * (y * pull[4] - z * pull[7]) - 2 * C21 * x * pull[6] + 2 * C22 * x * pull[8]
        gy += C20 * (x * pull[4] - z * pull[5]) - 2 * C21 * y * pull[6] - 2 * C22 * y * pull[8]
        gz += -C20 * (y * pull[5] + x * pull[7]) + 4 * C21 * z * pull[6]
    if degree > 2:
        gx += -6 * C30 * x * y * pull[9] + C31 * y * z * pull[10] + 2 * C32 * x * y * pull[11]
        gx += -6 * C33 * x * z * pull[12] - C32 * (4 * z * z - 3 * x * x - y * y) * pull[13]
        gx += 2 * C34 * x * z * pull[14] - C30 * (3 * x * x - 3 * y * y) * pull[15]
        gy += -C30 * (3 * x * x - 3 * y * y) * pull[9] + C31 * x * z * pull[10]
        gy += -C32 * (4 * z * z - x * x - 3 * y * y) * pull[11] - 6 * C33 * y * z * pull[12]
        gy += 2 * C32 * x * y * pull[13] - 2 * C34 * y * z * pull[14] + 6 * C30 * x * y * pull[15]
        gz += C31 * x * y * pull[10] - 8 * C32 * y * z * pull[11]
        gz += C33 * (6 * z * z - 3 * x * x - 3 * y * y) * pull[12] - 8 * C32 * x * z * pull[13]
        gz += C34 * (x * x - y * y) * pull[14]
    return gx, gy, gz
