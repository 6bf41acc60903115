"""The JSON Schemas of all that recon prints or writes, said once and in words; `tools.reference` writes them."""

from __future__ import annotations

from tools.schemas import backup, general, jobs, migrate, plans, queue, sending
from tools.schemas.build import Document

DOCUMENTS: dict[str, Document] = {
    one.name: one for module in (general, plans, backup, migrate, sending, queue, jobs) for one in module.DOCUMENTS
}
"""By name, as it stands in the document's `schema` member; `lines` have none, being one of many."""
