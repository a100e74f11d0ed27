"""The page of a home, and the page of this API; both are files of ours, nothing comes from elsewhere."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

DASHBOARD = Path(__file__).resolve().parent.parent / "dashboard"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> FileResponse:
    """The page of a home."""
    return FileResponse(DASHBOARD / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/docs")
async def reference() -> FileResponse:
    """The API's reference, to read and to try."""
    return FileResponse(DASHBOARD / "docs.html", headers={"Cache-Control": "no-cache"})


def assets() -> StaticFiles:
    """Scripts, styles and libraries of both pages."""
    return StaticFiles(directory=DASHBOARD / "assets")
