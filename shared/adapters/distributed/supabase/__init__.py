"""Supabase's REST API as the cloud store."""
