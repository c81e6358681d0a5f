//! Join links of a consultation.

use autamedica_api::{ConsultationLinks, JoinCode, JoinLink};

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::state::AppState;
use crate::store::NewCodes;

/// Returns the link with this code.
///
/// # Errors
/// [`Error::Internal`] if the code or the server's public URL can't be part of a link.
pub fn with_code(state: &AppState, code: &Secret) -> Result<JoinLink> {
    let code = JoinCode::new(code.expose()).map_err(|_| Error::Internal("a new join code has the wrong format"))?;
    JoinLink::new(&state.public_url, code).map_err(|_| Error::Internal("the public URL can't be part of a join link"))
}

/// Returns the links with these codes.
///
/// # Errors
/// As [`with_code`].
pub fn with_codes(state: &AppState, codes: &NewCodes) -> Result<ConsultationLinks> {
    let (patient, doctor) = (with_code(state, &codes.patient)?, with_code(state, &codes.doctor)?);
    Ok(ConsultationLinks {
        patient_link: patient.web(),
        doctor_link: doctor.web(),
        patient_app_link: patient.app(),
        doctor_app_link: doctor.app(),
        kiosk_code: codes.kiosk.expose().to_owned(),
    })
}
